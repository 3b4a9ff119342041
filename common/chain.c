/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "chain.h"

#define NAME_MAX_OCTETS 255u
#define LABEL_MAX 63u
#define FIXED 10u /* octets of type, class, TTL and RDLENGTH */
#define TYPE_RRSIG 46u
#define RRSIG_FIXED 18u /* octets before the signer's name (RFC 4034, section 3.1) */

static uint32_t number(const uint8_t *from, size_t octets)
{
    uint32_t value = 0;

    for (size_t i = 0; i < octets; i++)
        value = value << 8 | from[i];
    return value;
}

size_t dance_chain_name_len(const uint8_t *from, size_t left)
{
    size_t len = 0;

    while (len < left && len < NAME_MAX_OCTETS) {
        if (from[len] == 0)
            return len + 1;
        /* Also a pointer to another name (RFC 1035, section 4.1.4). */
        if (from[len] > LABEL_MAX)
            return 0;
        len += 1u + from[len];
    }
    return 0;
}

void dance_chain_read(struct dance_chain_reader *reader, const uint8_t *octets, size_t len)
{
    reader->malformed = len <= DANCE_CHAIN_LIFETIME || len > DANCE_CHAIN_MAX;
    reader->at = reader->malformed ? octets : octets + DANCE_CHAIN_LIFETIME;
    reader->left = reader->malformed ? 0 : len - DANCE_CHAIN_LIFETIME;
}

bool dance_chain_next(struct dance_chain_reader *reader, struct dance_chain_record *record)
{
    size_t owner = dance_chain_name_len(reader->at, reader->left);
    const uint8_t *fixed;
    size_t rdata;

    if (reader->left == 0)
        return false;
    reader->malformed = true;
    if (owner == 0 || reader->left - owner < FIXED)
        return false;
    fixed = reader->at + owner;
    rdata = number(fixed + 8, 2);
    if (reader->left - owner - FIXED < rdata)
        return false;
    *record = (struct dance_chain_record){.owner = reader->at,
                                          .owner_len = owner,
                                          .type = number(fixed, 2),
                                          .rr_class = number(fixed + 2, 2),
                                          .ttl = number(fixed + 4, 4),
                                          .rdata = fixed + FIXED,
                                          .rdata_len = rdata};
    reader->at += owner + FIXED + rdata;
    reader->left -= owner + FIXED + rdata;
    reader->malformed = false;
    return true;
}

/* The moment that a serial number is nearest to now. */
static int64_t moment(const uint8_t *serial, int64_t now)
{
    return now + (int32_t)(number(serial, 4) - (uint32_t)now);
}

bool dance_chain_window(const uint8_t *octets, size_t len, int64_t now, int64_t *from,
                        int64_t *until)
{
    struct dance_chain_reader reader;
    struct dance_chain_record record;
    bool any = false;

    dance_chain_read(&reader, octets, len);
    while (dance_chain_next(&reader, &record)) {
        int64_t begins, ends;

        if (record.type != TYPE_RRSIG)
            continue;
        if (record.rdata_len < RRSIG_FIXED)
            return false;
        ends = moment(record.rdata + 8, now);
        begins = moment(record.rdata + 12, now);
        if (!any || begins > *from)
            *from = begins;
        if (!any || ends < *until)
            *until = ends;
        any = true;
    }
    return any && !reader.malformed;
}
