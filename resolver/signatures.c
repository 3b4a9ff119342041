/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "signatures.h"

#include <arpa/nameser.h>
#include <stdbool.h>

#define TYPE_SOA 6
#define TYPE_RRSIG 46
#define TYPE_NSEC 47
#define TYPE_NSEC3 50
#define RRSIG_FIXED 18 /* octets before the signer's name (RFC 4034, section 3.1) */

static bool counts(ns_sect section, unsigned covered)
{
    return section == ns_s_an || covered == TYPE_SOA || covered == TYPE_NSEC
           || covered == TYPE_NSEC3;
}

/* Cut *ttl to what the signatures of a section allow. The number of signatures, or -1. */
static int limit_by(ns_msg *message, ns_sect section, uint32_t now, uint32_t *ttl)
{
    int signatures = 0;
    ns_rr rr;

    for (int i = 0; i < ns_msg_count(*message, section); i++) {
        uint32_t original, expiration;
        int32_t left;

        if (ns_parserr(message, section, i, &rr) != 0)
            return -1;
        if (ns_rr_type(rr) != TYPE_RRSIG)
            continue;
        if (ns_rr_rdlen(rr) < RRSIG_FIXED)
            return -1;
        if (!counts(section, ns_get16(ns_rr_rdata(rr))))
            continue;
        original = (uint32_t)ns_get32(ns_rr_rdata(rr) + 4);
        expiration = (uint32_t)ns_get32(ns_rr_rdata(rr) + 8);
        left = (int32_t)(expiration - now); /* serial numbers (RFC 4034, section 3.1.5) */
        if (left <= 0)
            continue; /* it is not the one that was good */
        signatures++;
        if (original < *ttl)
            *ttl = original;
        if ((uint32_t)left < *ttl)
            *ttl = (uint32_t)left;
    }
    return signatures;
}

uint32_t signatures_limit(const void *message, int len, uint32_t ttl, time_t now)
{
    ns_msg parsed;
    int answer, authority;

    if (message == NULL || ns_initparse(message, len, &parsed) != 0)
        return 0;
    answer = limit_by(&parsed, ns_s_an, (uint32_t)now, &ttl);
    authority = limit_by(&parsed, ns_s_ns, (uint32_t)now, &ttl);
    return answer < 0 || authority < 0 || answer + authority == 0 ? 0 : ttl;
}

bool signatures_over(const void *message, int len, time_t now)
{
    /* The types of records that an answer to a TLSA question is made of: CNAME, DNAME, TLSA. */
    enum { TYPES = 8 };
    struct {
        unsigned covered;
        bool good;
    } types[TYPES];
    size_t count = 0;
    ns_msg parsed;
    ns_rr rr;

    if (message == NULL || ns_initparse(message, len, &parsed) != 0)
        return false;
    for (int i = 0; i < ns_msg_count(parsed, ns_s_an); i++) {
        unsigned covered;
        size_t at = 0;

        if (ns_parserr(&parsed, ns_s_an, i, &rr) != 0 || ns_rr_type(rr) != TYPE_RRSIG
            || ns_rr_rdlen(rr) < RRSIG_FIXED)
            continue;
        covered = ns_get16(ns_rr_rdata(rr));
        while (at < count && types[at].covered != covered)
            at++;
        if (at == TYPES)
            return true;
        if (at == count) {
            types[count].covered = covered;
            types[count++].good = false;
        }
        if ((int32_t)((uint32_t)ns_get32(ns_rr_rdata(rr) + 8) - (uint32_t)now) > 0)
            types[at].good = true;
    }
    for (size_t i = 0; i < count; i++) {
        if (!types[i].good)
            return true;
    }
    return false;
}
