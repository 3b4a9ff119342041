/*
 * waiters.h: who waits for which lookup, and until when.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_WAITERS_H
#define DANCE_WAITERS_H

#include "dance_wire.h"

#include <stdbool.h>
#include <sys/queue.h>

struct account;
struct chain_job;
struct collect_waiter;
struct lookup;
struct waiter;

/* Somebody who asks; zeroed at first. */
struct lookups_asker {
    LIST_HEAD(waiters_of_asker, waiter) waiting;                    /* its queries */
    LIST_HEAD(chains_of_asker, chain_job) chains;                   /* chain/chains.h's */
    LIST_HEAD(collect_waiters_of_asker, collect_waiter) collecting; /* collect/collect.h's */
    struct account *account; /* to be charged for lookups; NULL: nobody */
};

/*
 * Called exactly once for each query that was asked and not forgotten;
 * answer->id is set. May call lookups_forget(), but not lookups_ask().
 */
typedef void lookups_deliver(struct lookups_asker *asker, const struct dance_wire_answer *answer);

LIST_HEAD(waiters, waiter); /* of one lookup */

void waiters_open(lookups_deliver *deliver);

/* left is told when one that waited for a lookup has gone without its answer. */
void waiters_left(void left(struct lookup *lookup));

void waiters_close(void);

/* asker waits for lookup, with these waiters, until at_ms. false when out of memory. */
bool waiters_add(struct waiters *waiters, struct lookup *lookup, struct lookups_asker *asker,
                 const struct dance_wire_query *query, long long at_ms);

/* The answer is insecure, and why is being found out: whose time is up before is told so much. */
void waiters_insecure(struct waiters *waiters);

/* Nobody waits any more, and nobody is told. */
void waiters_drop(struct waiters *waiters);

/* asker has gone. */
void waiters_forget(struct lookups_asker *asker);

/* Answer all. */
void waiters_answer(struct waiters *waiters, struct dance_wire_answer *answer);

/* Answer somebody who does not wait. */
void waiters_deliver(struct lookups_asker *asker, const struct dance_wire_answer *answer);

/* The same, with a failure. ttl: seconds for which it may be believed. */
void waiters_refuse(struct lookups_asker *asker, uint32_t id, enum dance_wire_status status,
                    uint32_t ttl, const char *text);

/* Tell those whose time is up; how many they are. */
unsigned waiters_expire(long long now_ms);

/* When that is for the first of them; -1: nobody waits. */
long long waiters_first_ms(void);

#endif
