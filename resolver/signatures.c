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
