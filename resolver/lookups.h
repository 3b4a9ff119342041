/*
 * lookups.h: lookups in flight, and who waits for them.
 *
 * One lookup in flight for a name, however many ask; each asker has a deadline
 * of its own, after which it is told so while the lookup goes on for the cache.
 * A lookup that libunbound does not end by itself is given up.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_LOOKUPS_H
#define DANCE_LOOKUPS_H

#include "dance_wire.h"

#include <sys/queue.h>

struct lookups_waiter;

/* Somebody who asks; zeroed at first. Its queries that wait. */
struct lookups_asker {
    LIST_HEAD(lookups_of_asker, lookups_waiter) waiting;
};

/*
 * Called exactly once for each query that was asked and not forgotten;
 * answer->id is set. May call lookups_forget(), but not lookups_ask().
 */
typedef void lookups_deliver(struct lookups_asker *asker, const struct dance_wire_answer *answer);

/* unavailable: not NULL when DNS could not be set up; every answer fails with it. */
void lookups_open(unsigned max_lookups, const char *unavailable, lookups_deliver *deliver);
void lookups_close(void);

/*
 * Answer query for asker, now or later. The name must have passed
 * dance_owner_name_fault().
 */
void lookups_ask(struct lookups_asker *asker, const struct dance_wire_query *query,
                 long long now_ms);

/* asker has gone: nothing is delivered to it any more. */
void lookups_forget(struct lookups_asker *asker);

/* Tell those whose deadline has passed, and give up lookups that have grown old. */
void lookups_expire(long long now_ms);

/* Milliseconds until lookups_expire() has something to do; -1: not before something happens. */
int lookups_wait_ms(long long now_ms);

#define LOOKUPS_LIFETIME_MS 60000 /* after which a lookup is given up */

/* For the log. */
struct lookups_counters {
    unsigned long long asked;   /* queries */
    unsigned long long joined;  /* of them, those that found their lookup in flight */
    unsigned long long busy;    /* queries refused by max_lookups */
    unsigned long long late;    /* queries whose deadline passed */
    unsigned long long ended;   /* lookups with a result */
    unsigned long long secure;  /* of them, those with validated records */
    unsigned long long dropped; /* lookups given up */
};
const struct lookups_counters *lookups_counters(void);

#endif
