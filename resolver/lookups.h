/*
 * lookups.h: lookups in flight, and who waits for them.
 *
 * One lookup in flight for a name, however many ask; each asker has a deadline
 * of its own, after which it is told so while the lookup goes on for the cache.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_LOOKUPS_H
#define DANCE_LOOKUPS_H

#include "dance_wire.h"

#include <stdbool.h>
#include <stddef.h>

/* Called exactly once for each waiter that was not forgotten; answer->id is set. */
typedef void lookups_deliver(void *asker, const struct dance_wire_answer *answer);

/* unavailable: not NULL when DNS could not be set up; every answer fails with it. */
void lookups_open(unsigned max_lookups, const char *unavailable, lookups_deliver *deliver);
void lookups_close(void);

/*
 * Answer query for asker, now or later. The name must have passed
 * dance_owner_name_fault().
 */
void lookups_ask(void *asker, const struct dance_wire_query *query, long long now_ms);

/* asker has gone: nothing is delivered to it any more. */
void lookups_forget(void *asker);

/* Tell those whose deadline has passed. To be called at least every LOOKUPS_TICK_MS. */
void lookups_expire(long long now_ms);

/* Somebody waits, or a lookup is to be given up some day. */
bool lookups_pending(void);

#define LOOKUPS_TICK_MS 20
#define LOOKUPS_LIFETIME_MS 60000 /* after which a lookup is given up */

/* For the log. */
struct lookups_counters {
    unsigned long long asked, joined, busy, late, secure, refused;
};
const struct lookups_counters *lookups_counters(void);

#endif
