/*
 * lookups.h: lookups in flight, and who waits for them.
 *
 * What was found is kept (names.h). One lookup in flight for a name, however many
 * ask; each asker has a deadline of its own, after which it is told so while the
 * lookup goes on for what is kept. Whoever asks later for a name that has been
 * silent for as long as he would wait is told at once. A lookup that libunbound
 * does not end by itself is given up.
 *
 * Lookups in flight are bounded: in all, for the process that asked, and, so
 * that names that are slow leave something for the others, for one domain. A
 * part of all, and of what a process may have, is kept for names that were
 * found lately, which no domain's share holds back either. Beyond a bound new
 * names are refused at once.
 *
 * Names that are wanted (wanted.h) are looked up again in the background, with
 * a part of their own, which is small while somebody waits for a lookup: they
 * never make him wait.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_LOOKUPS_H
#define DANCE_LOOKUPS_H

#include "worker/lookups/flight.h"

/*
 * unavailable: not NULL when DNS could not be set up; every answer fails with it. What they do fail
 * with, that or what is missing here (static); NULL: nothing.
 */
const char *lookups_open(struct lookups_limits limits, const char *unavailable,
                         lookups_deliver *deliver);
void lookups_close(void);

/*
 * Answer query for asker, now or later. The name must have passed
 * dance_owner_name_fault().
 */
void lookups_ask(struct lookups_asker *asker, const struct dance_wire_query *query,
                 long long now_ms);

/*
 * Answer from what is kept, where that is worth more than a chain (chain/chains.h): a denial, or,
 * unless denials alone are asked for, records. false: it is not, and nothing was said.
 */
bool lookups_answer_known(struct lookups_asker *asker, const struct dance_wire_query *query,
                          bool denials_only, long long now_ms);

/* asker has gone: nothing is delivered to it any more. */
void lookups_forget(struct lookups_asker *asker);

/* Somebody will ask for this name soon: renew what is known of it in time. */
void lookups_want(const char *name, size_t len, long long now_ms);

/* Take the results that libunbound has in a context. 0 when it has come to an end. */
int lookups_take_results(int context, long long now_ms);

/*
 * Tell those whose deadline has passed, give up lookups that have grown old,
 * and begin those that are due.
 */
void lookups_expire(long long now_ms);

/* Milliseconds until lookups_expire() has something to do; -1: not before something happens. */
int lookups_wait_ms(long long now_ms);

/* A query was refused before it came here: too many of its process are waiting. */
void lookups_refused(void);

const struct lookups_counters *lookups_counters(void);

#endif
