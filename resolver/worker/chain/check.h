/*
 * check.h: does a chain hold? By libunbound, without any network.
 *
 * Each chain has a context of its own, whose zones are in memory (records.h,
 * text.h), so that nothing of one chain is there for another but what proves itself (upper.h).
 * libunbound begins at the trust anchors and finds what it would find in the DNS, or nothing.
 *
 * Only for a process of its own (checker.h): libunbound's contexts share settings.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CHECK_CHAIN_H
#define DANCE_CHECK_CHAIN_H

#include "dance_wire_chain.h"
#include "worker/dns/classify.h"

#include <stdbool.h>

/* What becomes of a check: the answer points into it. */
struct check {
    struct dance_wire_answer answer;
    struct classify_reason reason;
    struct ub_result *result; /* NULL, or the records */
};

/* Every reason begins with it. */
#define CHECK_REASON "chain: "

/* Have libunbound open what it opens once. false: it cannot be made use of. */
bool check_open(void);

/*
 * Check the chain against the trust anchors (anchor.h): DANCE_WIRE_SECURE with the records of the
 * name and a TTL within all that the chain says; BOGUS where it does not hold; FAILED where that
 * could not be found out. To be ended by check_end(), in any case.
 */
void check_chain(struct check *check, const struct dance_wire_chain *chain);

/* The answer without records: for who cannot check. */
void check_fail(struct check *check, enum dance_wire_status status, const char *why);

void check_end(struct check *check);

/* While nobody waits: get ready for the next chain. */
void check_prepare(void);

/* Forget what earlier chains have proved. */
void check_close(void);

#endif
