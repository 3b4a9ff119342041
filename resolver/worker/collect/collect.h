/*
 * collect.h: DNSSEC chains that the clients of this user are to send.
 *
 * One collection a name, however many ask for it. What came of it is kept until it is worth while
 * to ask again; who asks then has it collected anew, out of what libunbound has kept and what its
 * TTL has ended of. An asker has a deadline, after which he is told so while the collection goes
 * on for who comes next. Chains that are kept and collections under way are bounded.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_COLLECT_H
#define DANCE_COLLECT_H

#include "dance_wire_chain.h"
#include "worker/lookups/waiters.h"

#define COLLECT_KEPT_MAX 64u   /* names of which something is kept or under way */
#define COLLECT_FLIGHT_MAX 16u /* under way, in all */
#define COLLECT_PROCESS_MAX 4u /* and begun for one process, which has one name mostly */
#define COLLECT_LIFETIME_MS 60000

/*
 * Called exactly once for each query that was asked and not forgotten; collected->id is set. May
 * call collect_forget(), but not collect_ask().
 */
typedef void collect_deliver(struct lookups_asker *asker,
                             const struct dance_wire_collected *collected);

/* unavailable: not NULL when DNS could not be set up; every answer fails with it. */
void collect_open(const char *unavailable, collect_deliver *deliver);
void collect_close(void);

/* Answer for asker, now or later. The name must have passed dance_owner_name_fault(). */
void collect_ask(struct lookups_asker *asker, const struct dance_wire_query *query,
                 long long now_ms);

/* Answer at once, without a chain. ttl: seconds for which that may be believed. */
void collect_refuse(struct lookups_asker *asker, uint32_t id, enum dance_wire_status status,
                    uint32_t ttl, const char *text);

/* asker has gone: nothing is delivered to it any more. */
void collect_forget(struct lookups_asker *asker);

/* Tell those whose deadline has passed, and give up what has grown old. */
void collect_expire(long long now_ms);

/* Milliseconds until collect_expire() has something to do; -1: not before something happens. */
int collect_wait_ms(long long now_ms);

/* How often a chain was asked for. */
unsigned long long collect_asked(void);

#endif
