/*
 * fuzz_records.c: what libunbound gets to read of a chain.
 *
 * A chain whose octets pass is within its bounds, each of its records is in a zone
 * that it is at or below, and no octet of it stands in a zone's text as anything
 * but an octet: each record is one line, of a name in harmless characters and RDATA
 * in hexadecimal digits.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "worker/chain/records.h"
#include "worker/chain/text.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1700000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct text text;
static struct records records;

/* Of a name: labels, each behind the other, and a backslash only before three digits. */
static const char *after_name(const char *at)
{
    if (at[0] == '*' && at[1] == '.')
        at += at[2] == ' ' ? 1 : 2;
    for (; *at != ' '; at++) {
        if (*at == '\\') {
            if (!isdigit((unsigned char)at[1]) || !isdigit((unsigned char)at[2])
                || !isdigit((unsigned char)at[3]))
                abort();
            at += 3;
        } else if (!isdigit((unsigned char)*at) && !islower((unsigned char)*at) && *at != '-'
                   && *at != '_' && *at != '.') {
            abort();
        }
    }
    return at;
}

/* The lines of records, and those at the top of a zone, up to three. */
static size_t check_lines(void)
{
    size_t lines = 0;

    for (const char *at = text.octets; *at != '\0'; lines++) {
        const char *end = strchr(at, '\n');
        const char *rest = after_name(at);
        unsigned ttl;
        unsigned type;
        size_t len;
        int begin = 0;

        if (end == NULL || rest > end)
            abort();
        if (sscanf(rest, " %u IN TYPE%u \\# %zu%n", &ttl, &type, &len, &begin) == 3) {
            if (rest[begin++] != ' ' || strspn(rest + begin, "0123456789abcdef") != 2 * len
                || rest + begin + 2 * len != end || ttl > 0x7fffffff || type > 65535)
                abort();
        } else if (strncmp(rest, " 0 IN SOA . . 1 3600 3600 3600 0\n", 33) != 0
                   && strncmp(rest, " 0 IN NS .\n", 11) != 0) {
            abort();
        }
        at = end + 1;
    }
    return lines;
}

static void check_zone(size_t z)
{
    const struct record_zone *zone = &records.zone[z];
    size_t expected = zone->nsec3 != NULL ? 3 : 2;

    text_clear(&text);
    text_add_zone(&text, &records, z);
    if (text.full)
        return;
    for (size_t i = 0; i < records.count; i++)
        expected += records.record[i].zone == z;
    if (check_lines() != expected || (zone->delegated && zone->parent >= records.zones))
        abort();
}

/* The same of a record alone, whose name few chains would come to. */
static void check_record(const uint8_t *data, size_t size)
{
    size_t len = dance_chain_name_len(data, size);

    if (len == 0 || size > DANCE_CHAIN_MAX)
        return;
    text_clear(&text);
    text_add_name(&text, data);
    text_add_record(&text, 1, RECORDS_TYPE_TLSA, data + len, size - len);
    if (!text.full && check_lines() != 1)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_record(data, size);

    const char *fault = records_read(&records, data, size, NOW);

    if (fault != NULL && *fault == '\0')
        abort();
    if (fault != NULL)
        return 0;
    if (records.count == 0 || records.count > RECORDS_MAX || records.zones > RECORDS_ZONES_MAX)
        abort();
    for (size_t i = 0; i < records.count; i++) {
        const struct record *r = &records.record[i];

        if (r->zone >= records.zones || r->is.owner < data || r->is.owner >= data + size
            || r->signer == NULL || r->signer_len > r->is.owner_len || records.ttl > r->ttl)
            abort();
    }
    for (size_t z = 0; z < records.zones; z++)
        check_zone(z);
    return 0;
}
