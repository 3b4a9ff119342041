/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/signatures.h"

#include <arpa/nameser.h>
#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>

#define TYPE_SOA 6
#define TYPE_RRSIG 46
#define TYPE_NSEC 47
#define TYPE_NSEC3 50
#define RRSIG_FIXED 18 /* octets before the signer's name (RFC 4034, section 3.1) */
#define SIGNATURES_MAX 64

struct signature {
    uint64_t owner; /* a hash of the name */
    unsigned covered;
    uint32_t original;
    int32_t left; /* seconds until its end; serial numbers (RFC 4034, section 3.1.5) */
};

struct found {
    struct signature signature[SIGNATURES_MAX];
    size_t count;
};

static bool counts(ns_sect section, unsigned covered)
{
    return section == ns_s_an || covered == TYPE_SOA || covered == TYPE_NSEC
           || covered == TYPE_NSEC3;
}

static uint64_t hash_of(const char *name)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (; *name != '\0'; name++)
        hash = (hash ^ (uint64_t)tolower((unsigned char)*name)) * 1099511628211u;
    return hash;
}

/* Collect the signatures of a section. false: it does not parse, or they are too many. */
static bool collect(struct found *found, ns_msg *message, ns_sect section, uint32_t now)
{
    ns_rr rr;

    for (int i = 0; i < ns_msg_count(*message, section); i++) {
        struct signature *s;

        if (ns_parserr(message, section, i, &rr) != 0)
            return false;
        if (ns_rr_type(rr) != TYPE_RRSIG)
            continue;
        if (ns_rr_rdlen(rr) < RRSIG_FIXED || found->count == SIGNATURES_MAX)
            return false;
        s = &found->signature[found->count];
        s->owner = hash_of(ns_rr_name(rr));
        s->covered = ns_get16(ns_rr_rdata(rr));
        s->original = (uint32_t)ns_get32(ns_rr_rdata(rr) + 4);
        s->left = (int32_t)((uint32_t)ns_get32(ns_rr_rdata(rr) + 8) - now);
        found->count += counts(section, s->covered);
    }
    return true;
}

/* Another signature of the same RRset has not ended. */
static bool replaced(const struct found *found, const struct signature *over)
{
    for (size_t i = 0; i < found->count; i++) {
        const struct signature *s = &found->signature[i];

        if (s->left > 0 && s->owner == over->owner && s->covered == over->covered)
            return true;
    }
    return false;
}

enum signatures signatures_limit(const void *message, int len, uint32_t *ttl, time_t now)
{
    struct found found = {.count = 0};
    const uint32_t given = *ttl;
    uint32_t limit = given;
    ns_msg parsed;

    *ttl = 0;
    if (message == NULL || ns_initparse(message, len, &parsed) != 0
        || !collect(&found, &parsed, ns_s_an, (uint32_t)now)
        || !collect(&found, &parsed, ns_s_ns, (uint32_t)now) || found.count == 0)
        return SIGNATURES_UNKNOWN;
    for (size_t i = 0; i < found.count; i++) {
        const struct signature *s = &found.signature[i];

        if (s->left <= 0) {
            if (!replaced(&found, s))
                return SIGNATURES_OVER;
            continue;
        }
        if (s->original < given)
            limit = 0;
        if ((uint32_t)s->left < limit)
            limit = (uint32_t)s->left;
    }
    *ttl = limit;
    return SIGNATURES_GOOD;
}
