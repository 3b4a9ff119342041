/*
 * signatures.h: how long the signatures let an answer live. Pure.
 *
 * libunbound ends records in its own cache with their signatures, but the TTL
 * in its result does not: it is the one in the records. RFC 4035, section
 * 5.3.3, also bounds it by the TTL that was signed and by the signature's end.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SIGNATURES_H
#define DANCE_SIGNATURES_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/*
 * ttl, cut to what the RRSIG records of a validated DNS message allow: those of
 * the answer section, and those of what denies a name in the authority section.
 * Of several signatures of one RRset the one that ends first counts. 0 when
 * there is none, or the message does not parse.
 */
uint32_t signatures_limit(const void *message, int len, uint32_t ttl, time_t now);

/*
 * For one of the types in the answer section of a message there are signatures,
 * and all of them have ended. libunbound may hold such an answer for good all the
 * same (seen with 1.26, in its cache).
 */
bool signatures_over(const void *message, int len, time_t now);

#endif
