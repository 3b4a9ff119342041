/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/chain/records.h"

#include "worker/chain/keys.h"
#include "worker/chain/wire_name.h"
#include "worker/chain/zones.h"

#include <string.h>

#define CLASS_IN 1u
#define RRSIG_FIXED 18u     /* octets before the signer's name (RFC 4034, section 3.1) */
#define TTL_MAX 0x7fffffffu /* RFC 2181, section 8: what is larger is 0 */

/* An RRset of a zone that changes algorithm and keys at the same time has six. */
#define SIGNATURES_OF_RRSET_MAX 8u
#define SIGNATURES_MAX 48u
/*
 * Of the records in one answer, aliases and denials included. Behind each nine that it has computed
 * libunbound stands still, for 50 ms and then longer and longer, and whoever else waits does so
 * with it. A wildcard's record, its alias and NSEC3 under two algorithms have ten.
 */
#define SIGNATURES_OF_ANSWER_MAX 16u
#define DENIALS_MAX 12u /* NSEC and NSEC3 records; a wildcard needs one, or three */
/* What libunbound computes for a key of any size is more for none; RFC 9276 wants 0. */
#define ITERATIONS_MAX 150u

static unsigned get16(const uint8_t *from)
{
    return (unsigned)from[0] << 8 | from[1];
}

static uint32_t get32(const uint8_t *from)
{
    return (uint32_t)get16(from) << 16 | get16(from + 2);
}

static bool is_same_set(const struct record *one, const struct record *other)
{
    return one->covers == other->covers
           && wire_name_same(one->is.owner, one->is.owner_len, other->is.owner,
                             other->is.owner_len);
}

/* Where the wildcard's name of an RRset begins behind its "*", by what a signature says of it
 * (RFC 4034, section 3.1.3); NULL: it is none, or is at the wildcard itself. */
static const uint8_t *find_wildcard(const struct record *r, const struct record *signature)
{
    size_t labels = wire_name_labels(r->is.owner);
    size_t counted = signature->is.rdata[3];
    const uint8_t *at = r->is.owner;

    if (at[0] == 1 && at[1] == '*' && counted + 1 == labels)
        return NULL;
    if (counted >= labels)
        return NULL; /* where it has more than there are libunbound refuses it */
    for (; labels > counted; labels--)
        at += 1u + *at;
    return at;
}

static bool is_signature(const struct record *r)
{
    return r->is.type == RECORDS_TYPE_RRSIG;
}

static const char *read_signature(struct record *r, time_t now)
{
    const uint8_t *rdata = r->is.rdata;
    size_t len = r->is.rdata_len;

    r->signer = rdata + RRSIG_FIXED;
    r->signer_len = len > RRSIG_FIXED ? dance_chain_name_len(r->signer, len - RRSIG_FIXED) : 0;
    if (r->signer_len == 0 || len - RRSIG_FIXED <= r->signer_len)
        return "a signature is malformed";
    r->covers = get16(rdata);
    if (!wire_name_within(r->is.owner, r->is.owner_len, r->signer, r->signer_len))
        return "a record is signed by a zone that it is not in";
    /* Serial numbers (RFC 4034, section 3.1.5). */
    if ((int32_t)(get32(rdata + 8) - (uint32_t)now) <= 0)
        return "a signature has ended";
    if ((int32_t)(get32(rdata + 12) - (uint32_t)now) > 0)
        return "a signature has not begun to hold";
    return NULL;
}

static const char *look_at_type(const struct record *r)
{
    const uint8_t *rdata = r->is.rdata;
    size_t len = r->is.rdata_len;

    switch (r->is.type) {
    case RECORDS_TYPE_DNSKEY:
        return keys_fault(rdata, len);
    case RECORDS_TYPE_DS:
        return len > 4 ? NULL : "a DS record is malformed";
    case RECORDS_TYPE_TLSA:
        return len > 3 ? NULL : "a TLSA record is malformed";
    case RECORDS_TYPE_CNAME:
    case RECORDS_TYPE_DNAME:
        return len > 0 && dance_chain_name_len(rdata, len) == len ? NULL : "an alias is malformed";
    case RECORDS_TYPE_NSEC:
        return len > 0 && dance_chain_name_len(rdata, len) > 0 ? NULL
                                                               : "an NSEC record is malformed";
    case RECORDS_TYPE_NSEC3:
        if (len <= RECORDS_NSEC3_FIXED || len <= RECORDS_NSEC3_FIXED + rdata[4])
            return "an NSEC3 record is malformed";
        return get16(rdata + 2) <= ITERATIONS_MAX ? NULL
                                                  : "an NSEC3 record has too many iterations";
    case RECORDS_TYPE_RRSIG:
        return NULL;
    default:
        return "a record is of a type that has no place there";
    }
}

/* It is there already; whoever sends it twice wins nothing. */
static bool is_repeated(const struct records *records, const struct record *r)
{
    for (size_t i = 0; i < records->count; i++) {
        const struct record *other = &records->record[i];

        if (other->is.type == r->is.type && other->is.rdata_len == r->is.rdata_len
            && memcmp(other->is.rdata, r->is.rdata, r->is.rdata_len) == 0
            && wire_name_same(other->is.owner, other->is.owner_len, r->is.owner, r->is.owner_len))
            return true;
    }
    return false;
}

static const char *collect(struct records *records, const uint8_t *octets, size_t len, time_t now)
{
    struct dance_chain_reader reader;
    struct record r = {.zone = 0};
    size_t denials = 0;

    dance_chain_read(&reader, octets, len);
    while (dance_chain_next(&reader, &r.is)) {
        const char *fault = look_at_type(&r);

        r.covers = r.is.type;
        r.signer = NULL;
        r.signer_len = 0;
        r.wildcard = NULL;
        if (fault == NULL && r.is.rr_class != CLASS_IN)
            fault = "a record is of another class than IN";
        if (fault == NULL && is_signature(&r))
            fault = read_signature(&r, now);
        if (fault != NULL)
            return fault;
        if (is_repeated(records, &r))
            continue;
        denials += r.is.type == RECORDS_TYPE_NSEC || r.is.type == RECORDS_TYPE_NSEC3;
        if (records->count == RECORDS_MAX || denials > DENIALS_MAX)
            return "it has too many records";
        r.ttl = r.is.ttl > TTL_MAX ? 0 : r.is.ttl;
        records->record[records->count++] = r;
    }
    return reader.malformed ? "it is malformed" : NULL;
}

/* A CNAME that a DNAME stands for (RFC 6672, section 5.3.1) is made anew by libunbound. */
static bool is_made_of_dname(const struct records *records, const struct record *r)
{
    if (r->is.type != RECORDS_TYPE_CNAME)
        return false;
    for (size_t i = 0; i < records->count; i++) {
        const struct dance_chain_record *d = &records->record[i].is;

        if (d->type == RECORDS_TYPE_DNAME && d->owner_len < r->is.owner_len
            && wire_name_within(r->is.owner, r->is.owner_len, d->owner, d->owner_len))
            return true;
    }
    return false;
}

static uint32_t least(uint32_t one, uint32_t other)
{
    return one < other ? one : other;
}

/* What r's signatures say of it: who signed, and for how long it is good. */
static const char *find_signer(struct records *records, struct record *r)
{
    size_t signatures = 0;

    for (size_t i = 0; i < records->count; i++) {
        const struct record *s = &records->record[i];

        if (!is_same_set(r, s))
            continue;
        r->ttl = least(r->ttl, s->ttl);
        if (!is_signature(s))
            continue;
        if (r->signer == NULL) {
            r->signer = s->signer;
            r->signer_len = s->signer_len;
        }
        if (signatures > 0 && r->wildcard != find_wildcard(r, s))
            return "the signatures of a record are for different wildcards";
        r->wildcard = find_wildcard(r, s);
        if (!wire_name_same(r->signer, r->signer_len, s->signer, s->signer_len))
            return "a record is signed by two zones";
        r->ttl = least(r->ttl, get32(s->is.rdata + 4));
        if (++signatures > SIGNATURES_OF_RRSET_MAX)
            return "a record has too many signatures";
    }
    return NULL;
}

static bool has_record(const struct records *records, const struct record *signature)
{
    for (size_t i = 0; i < records->count; i++) {
        if (!is_signature(&records->record[i]) && is_same_set(&records->record[i], signature))
            return true;
    }
    return false;
}

/* Drop the records of which drop says so. */
static void drop_if(struct records *records,
                    bool drop(const struct records *records, const struct record *r))
{
    size_t kept = 0;

    for (size_t i = 0; i < records->count; i++) {
        struct record r = records->record[i];

        if (!drop(records, &r))
            records->record[kept++] = r;
    }
    records->count = kept;
}

static bool is_not_signed_but_made(const struct records *records, const struct record *r)
{
    return r->signer == NULL && is_made_of_dname(records, r);
}

static const char *find_signers(struct records *records)
{
    size_t signatures = 0;
    size_t of_answer = 0;

    for (size_t i = 0; i < records->count; i++) {
        struct record *r = &records->record[i];
        const char *fault = find_signer(records, r);

        signatures += is_signature(r);
        of_answer += is_signature(r) && !records_of_delegation(r);
        if (fault != NULL)
            return fault;
        if (signatures > SIGNATURES_MAX || of_answer > SIGNATURES_OF_ANSWER_MAX)
            return "it has too many signatures";
        if (is_signature(r) && !has_record(records, r))
            return "a signature is there without its record";
    }
    drop_if(records, is_not_signed_but_made);
    for (size_t i = 0; i < records->count; i++) {
        if (records->record[i].signer == NULL)
            return "a record is not signed";
    }
    return NULL;
}

static void find_ttl(struct records *records, time_t now)
{
    records->ttl = TTL_MAX;
    for (size_t i = 0; i < records->count; i++) {
        const struct record *r = &records->record[i];

        records->ttl = least(records->ttl, r->ttl);
        if (is_signature(r))
            records->ttl = least(records->ttl, get32(r->is.rdata + 8) - (uint32_t)now);
    }
}

const char *records_read(struct records *records, const uint8_t *octets, size_t len, time_t now)
{
    const char *fault;

    records->count = 0;
    records->zones = 0;
    fault = collect(records, octets, len, now);
    if (fault == NULL)
        fault = find_signers(records);
    if (fault == NULL)
        fault = zones_find(records);
    if (fault == NULL)
        find_ttl(records, now);
    return fault;
}
