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
 * names are refused at once. Of what a domain may have libunbound is given a
 * part at a time (domains.h), and those of a domain that is suspect go to a
 * context apart; the others wait in line, as long as somebody waits for them.
 *
 * Names that are wanted (wanted.h) are looked up again in the background, with
 * a part of their own, which is small while somebody waits for a lookup: they
 * never make him wait.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_LOOKUPS_H
#define DANCE_LOOKUPS_H

#include "worker/lookups/waiters.h"

struct lookups_limits {
    unsigned lookups;            /* in flight in all */
    unsigned lookups_per_client; /* begun for one process */
    unsigned denial_ttl;         /* seconds for which a denial is believed at the most */
};

/* unavailable: not NULL when DNS could not be set up; every answer fails with it. */
void lookups_open(struct lookups_limits limits, const char *unavailable, lookups_deliver *deliver);
void lookups_close(void);

/*
 * Answer query for asker, now or later. The name must have passed
 * dance_owner_name_fault().
 */
void lookups_ask(struct lookups_asker *asker, const struct dance_wire_query *query,
                 long long now_ms);

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

#define LOOKUPS_LIFETIME_MS 60000 /* after which a lookup is given up */

/* A query was refused before it came here: too many of its process are waiting. */
void lookups_refused(void);

/* For the log. */
struct lookups_counters {
    unsigned long long asked;       /* queries */
    unsigned long long hits;        /* of them, those answered from what is kept */
    unsigned long long joined;      /* of them, those that found their lookup in flight */
    unsigned long long busy;        /* queries refused because too many lookups are in flight, */
    unsigned long long busy_client; /* or too many of the process, */
    unsigned long long busy_domain; /* or too many in the domain */
    unsigned long long late;        /* queries whose deadline passed */
    unsigned long long silent;      /* queries for a name that has been silent for long */
    unsigned long long ended;       /* lookups with a result */
    unsigned long long secure;      /* of them, those with validated records */
    unsigned long long renewed;     /* lookups begun because they were due */
    unsigned long long dropped;     /* lookups given up */
};
const struct lookups_counters *lookups_counters(void);
unsigned lookups_in_flight(void);

#endif
