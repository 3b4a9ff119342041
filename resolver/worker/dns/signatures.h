/*
 * signatures.h: how long the signatures let an answer live. Pure.
 *
 * The TTL in libunbound's result is the one in the records, and its cache may
 * hold records longer than their signatures (1.26 does). RFC 4035, section
 * 5.3.3, bounds the TTL by the one that was signed and by the signature's end.
 *
 * A TTL above the one that was signed does not become that one: it would do so
 * anew with each answer out of the cache. libunbound has cut it when it
 * validated the records, unless it was told (cache-min-ttl) or made by its
 * upstream (a denial's) to keep them longer; so nobody knows how much of the
 * TTL has passed, and the answer is good for this time only.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SIGNATURES_H
#define DANCE_SIGNATURES_H

#include <stdint.h>
#include <time.h>

enum signatures {
    SIGNATURES_GOOD,
    SIGNATURES_OVER,   /* those of an RRset have all ended */
    SIGNATURES_UNKNOWN /* there are none, or too many, or the message does not parse */
};

/*
 * Cut *ttl to what the RRSIG records of a validated DNS message allow: those of
 * the answer section, and those of what denies a name in the authority section.
 * Of several signatures of one RRset the one that ends first counts, of those
 * that have not. *ttl is 0 unless they are good.
 */
enum signatures signatures_limit(const void *message, int len, uint32_t *ttl, time_t now);

#endif
