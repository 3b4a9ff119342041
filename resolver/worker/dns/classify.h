/*
 * classify.h: what libunbound found, as an answer on the wire. Pure.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLASSIFY_H
#define DANCE_CLASSIFY_H

#include "dance_wire.h"

#include <unbound.h>

/* Seconds for which a failure or a bogus answer may be believed. */
#define CLASSIFY_FAILURE_TTL 5u
#define CLASSIFY_TTL_MAX 86400u
/* Likewise, unless the operator says otherwise, that there are no records, or none that is secure.
 */
#define CLASSIFY_DENIAL_TTL 30u

/* The reason of an insecure answer before more is known (insecure.h). */
#define CLASSIFY_INSECURE "the zone is not signed, or no trust anchor covers it"

/* Room for a reason; answers point into it. */
struct classify_reason {
    char text[DANCE_WIRE_REASON_MAX + 1];
};

/* An answer without records. text is made printable and cut to what the wire takes. */
void classify_failure(struct dance_wire_answer *answer, struct classify_reason *reason,
                      enum dance_wire_status status, const char *text);

/*
 * The answer that result (with error 0) or error stands for: bogus before
 * everything, then failures, insecure, and only then data or its validated
 * absence. What is no record (too short) is passed over; where nothing else is
 * there, there is none. Only records may live longer than denial_ttl seconds.
 * Points into result.
 */
void classify_result(struct dance_wire_answer *answer, struct classify_reason *reason, int error,
                     const struct ub_result *result, uint32_t denial_ttl);

#endif
