/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/collect/gathered.h"

#include <arpa/nameser.h>
#include <string.h>

#define CLASS_IN 1
#define TYPE_CNAME 5
#define TYPE_DNAME 39
#define TYPE_DS 43
#define TYPE_RRSIG 46
#define TYPE_NSEC 47
#define TYPE_DNSKEY 48
#define TYPE_NSEC3 50
#define TYPE_TLSA 52

#define HEADER 12
#define QUESTION_FIXED 4 /* octets behind its name */
#define RECORD_FIXED 10
#define RRSIG_FIXED 18 /* octets before the signer's name (RFC 4034, section 3.1) */
#define RDATA_MAX 16384
#define MESSAGE_RECORDS_MAX 256

/* A record of a message; its names are written out. */
struct record {
    uint8_t owner[GATHERED_NAME_MAX];
    size_t owner_len;
    unsigned type;
    unsigned class;
    uint32_t ttl;
    const uint8_t *rdata; /* in the message */
    size_t rdata_len;
    bool denies; /* it is of the authority section */
};

/* What is needed of an RRSIG record. */
struct signature {
    uint8_t owner[GATHERED_NAME_MAX];
    size_t owner_len;
    unsigned covered;
    uint32_t original_ttl;
};

struct reader {
    const uint8_t *message;
    const uint8_t *end;
    const uint8_t *at;
    unsigned answers;
    unsigned authorities;
};

static bool fail(const char **why, const char *text)
{
    *why = text;
    return false;
}

static void lower(uint8_t *name, size_t len)
{
    /* The length of a label is no letter: it is less than 64. */
    for (size_t i = 0; i < len; i++) {
        if (name[i] >= 'A' && name[i] <= 'Z')
            name[i] = (uint8_t)(name[i] + ('a' - 'A'));
    }
}

static size_t name_len(const uint8_t *name)
{
    size_t len = 0;

    while (name[len] != 0)
        len += name[len] + 1U;
    return len + 1;
}

/* The name at at, written out; how many octets it has there, or 0. */
static size_t take_name(const struct reader *r, const uint8_t *at, uint8_t out[GATHERED_NAME_MAX],
                        size_t *len)
{
    int octets = ns_name_unpack(r->message, r->end, at, out, GATHERED_NAME_MAX);

    if (octets <= 0)
        return 0;
    *len = name_len(out);
    return (size_t)octets;
}

static bool begin(struct reader *r, const void *message, int len)
{
    uint8_t name[GATHERED_NAME_MAX];
    size_t name_size;
    unsigned questions;

    if (message == NULL || len < HEADER)
        return false;
    r->message = message;
    r->end = r->message + len;
    questions = ns_get16(r->message + 4);
    r->answers = ns_get16(r->message + 6);
    r->authorities = ns_get16(r->message + 8);
    r->at = r->message + HEADER;
    for (; questions > 0; questions--) {
        size_t octets = take_name(r, r->at, name, &name_size);

        if (octets == 0 || (size_t)(r->end - r->at) < octets + QUESTION_FIXED)
            return false;
        r->at += octets + QUESTION_FIXED;
    }
    return r->answers + r->authorities <= MESSAGE_RECORDS_MAX;
}

/* The next record of both sections. 1; 0: there is none; -1: the message does not parse. */
static int next(struct reader *r, struct record *out)
{
    size_t octets;

    if (r->answers + r->authorities == 0)
        return 0;
    octets = take_name(r, r->at, out->owner, &out->owner_len);
    if (octets == 0 || (size_t)(r->end - r->at) < octets + RECORD_FIXED)
        return -1;
    lower(out->owner, out->owner_len);
    r->at += octets;
    out->type = ns_get16(r->at);
    out->class = ns_get16(r->at + 2);
    out->ttl = (uint32_t)ns_get32(r->at + 4);
    out->rdata_len = ns_get16(r->at + 8);
    r->at += RECORD_FIXED;
    out->rdata = r->at;
    if ((size_t)(r->end - r->at) < out->rdata_len)
        return -1;
    r->at += out->rdata_len;
    out->denies = r->answers == 0;
    if (r->answers > 0)
        r->answers--;
    else
        r->authorities--;
    return 1;
}

/* What a chain may have of each section. */
static bool belongs(unsigned type, bool denies)
{
    if (denies)
        return type == TYPE_NSEC || type == TYPE_NSEC3;
    return type == TYPE_TLSA || type == TYPE_DNSKEY || type == TYPE_DS || type == TYPE_CNAME
           || type == TYPE_DNAME;
}

/* Is it a signature that holds, of an RRset that a chain may have? */
static bool signs(const struct record *record, time_t now, struct signature *out)
{
    int32_t until, since;

    if (record->type != TYPE_RRSIG || record->class != CLASS_IN || record->rdata_len <= RRSIG_FIXED)
        return false;
    out->covered = ns_get16(record->rdata);
    out->original_ttl = (uint32_t)ns_get32(record->rdata + 4);
    /* Serial numbers (RFC 4034, section 3.1.5). */
    until = (int32_t)((uint32_t)ns_get32(record->rdata + 8) - (uint32_t)now);
    since = (int32_t)((uint32_t)now - (uint32_t)ns_get32(record->rdata + 12));
    memcpy(out->owner, record->owner, record->owner_len);
    out->owner_len = record->owner_len;
    return until > 0 && since >= 0 && belongs(out->covered, record->denies);
}

/* A signature of this RRset that holds; 1, or 0 when there is none, -1 as next(). */
static int signature_of(struct reader r, const struct record *of, time_t now, struct signature *out)
{
    struct record record;
    int more;

    while ((more = next(&r, &record)) == 1) {
        if (record.denies == of->denies && signs(&record, now, out) && out->covered == of->type
            && out->owner_len == of->owner_len && memcmp(out->owner, of->owner, of->owner_len) == 0)
            return 1;
    }
    return more;
}

/* Octets of the RDATA before a name in it; -1: there is none that is to be written out. */
static int before_name(unsigned type)
{
    switch (type) {
    case TYPE_CNAME:
    case TYPE_DNAME:
    case TYPE_NSEC:
        return 0;
    case TYPE_RRSIG:
        return RRSIG_FIXED;
    default:
        return -1;
    }
}

/* The RDATA without compression; its octets, or 0. */
static size_t write_out(const struct reader *r, const struct record *record,
                        uint8_t out[RDATA_MAX + GATHERED_NAME_MAX])
{
    int before = before_name(record->type);
    uint8_t name[GATHERED_NAME_MAX];
    size_t octets, len, behind;

    if (record->rdata_len > RDATA_MAX || (before >= 0 && record->rdata_len <= (size_t)before))
        return 0;
    if (before < 0) {
        memcpy(out, record->rdata, record->rdata_len);
        return record->rdata_len;
    }
    octets = take_name(r, record->rdata + before, name, &len);
    if (octets == 0 || octets > record->rdata_len - (size_t)before)
        return 0;
    /* What is signed is in lower case, but for NSEC (RFC 6840, section 5.1). */
    if (record->type != TYPE_NSEC)
        lower(name, len);
    behind = record->rdata_len - (size_t)before - octets;
    memcpy(out, record->rdata, (size_t)before);
    memcpy(out + before, name, len);
    memcpy(out + before + len, record->rdata + before + octets, behind);
    return (size_t)before + len + behind;
}

/* The zone that a signature is of; false: they are too many. */
static bool note_signer(struct gathered *gathered, const uint8_t *rdata)
{
    struct gathered_signer *signer = &gathered->signer[gathered->signers];
    const uint8_t *name = rdata + RRSIG_FIXED;
    size_t len = name_len(name);

    for (size_t i = 0; i < gathered->signers; i++) {
        if (gathered->signer[i].len == len && memcmp(gathered->signer[i].name, name, len) == 0)
            return true;
    }
    if (gathered->signers == GATHERED_SIGNERS_MAX)
        return false;
    memcpy(signer->name, name, len);
    signer->len = len;
    gathered->signers++;
    return true;
}

/* The same record is there already: of a denial that several names share, say. */
static bool is_there(const struct gathered *gathered, const uint8_t *octets, size_t len)
{
    struct dance_chain_reader reader;
    struct dance_chain_record record;

    dance_chain_read(&reader, gathered->octets, gathered->len);
    while (dance_chain_next(&reader, &record)) {
        if ((size_t)(reader.at - record.owner) == len && memcmp(record.owner, octets, len) == 0)
            return true;
    }
    return false;
}

static bool append(struct gathered *gathered, const struct reader *r, const struct record *record,
                   uint32_t ttl, const char **why)
{
    static uint8_t octets[GATHERED_NAME_MAX + RECORD_FIXED + RDATA_MAX + GATHERED_NAME_MAX];
    uint8_t *rdata = octets + record->owner_len + RECORD_FIXED;
    uint8_t *fixed = octets + record->owner_len;
    size_t rdata_len = write_out(r, record, rdata);
    size_t len = record->owner_len + RECORD_FIXED + rdata_len;

    if (rdata_len == 0)
        return fail(why, "a record of it does not parse");
    memcpy(octets, record->owner, record->owner_len);
    ns_put16((unsigned)record->type, fixed);
    ns_put16(CLASS_IN, fixed + 2);
    ns_put32(ttl, fixed + 4);
    ns_put16((unsigned)rdata_len, fixed + 8);
    if (record->ttl < gathered->ttl)
        gathered->ttl = record->ttl;
    if (record->type == TYPE_RRSIG && !note_signer(gathered, rdata))
        return fail(why, "its records are signed by too many zones");
    if (is_there(gathered, octets, len))
        return true;
    if (len > sizeof(gathered->octets) - gathered->len)
        return fail(why, "the chain is larger than 16384 octets");
    memcpy(gathered->octets + gathered->len, octets, len);
    gathered->len += len;
    return true;
}

void gathered_begin(struct gathered *gathered)
{
    gathered->len = DANCE_CHAIN_LIFETIME;
    memset(gathered->octets, 0, DANCE_CHAIN_LIFETIME); /* ExtSupportLifetime */
    gathered->ttl = UINT32_MAX;
    gathered->signers = 0;
}

bool gathered_take(struct gathered *gathered, const void *message, int len, unsigned type,
                   time_t now, const char **why)
{
    struct reader r;
    struct reader all;
    struct record record;
    struct signature signature;
    bool found = false;
    int more;

    if (!begin(&r, message, len))
        return fail(why, "the answer does not parse");
    all = r;
    while ((more = next(&r, &record)) == 1) {
        bool is_signature = signs(&record, now, &signature);
        int is_signed = is_signature ? 1 : 0;

        if (record.class != CLASS_IN || (!is_signature && !belongs(record.type, record.denies)))
            continue;
        if (!is_signature)
            is_signed = signature_of(all, &record, now, &signature);
        if (is_signed < 0)
            break;
        /* The alias that a DNAME record makes has no signature, and needs none. */
        if (is_signed == 0)
            continue;
        found = found || record.type == type;
        if (!append(gathered, &all, &record, signature.original_ttl, why))
            return false;
    }
    if (more != 0)
        return fail(why, "the answer does not parse");
    return found || fail(why, "what was asked for has no signature in the answer");
}
