/*
 * flight.h: lookups in flight.
 *
 * They are bounded (bounds.h). Of what a domain may have libunbound is
 * given a part at a time (domains.h), and those of a domain that is suspect go
 * to a context apart; the others wait in line, as long as somebody waits for
 * them. What becomes of a lookup is kept (names.h), told to those who wait for
 * it (waiters.h), and decides when it is due again (wanted.h).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_FLIGHT_H
#define DANCE_FLIGHT_H

#include "worker/lookups/bounds.h"
#include "worker/lookups/names.h"
#include "worker/lookups/waiters.h"

#define LOOKUPS_LIFETIME_MS 60000 /* after which a lookup is given up */

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

/* false when out of memory, or where no random key can be had. */
bool flight_open(struct lookups_limits limits, struct lookups_counters *counters);
void flight_close(void);

/*
 * Begin a lookup, or put it in line. asker: who is to be charged, or NULL for
 * one that is due and had its turn (domains.h). NULL with
 * *status and *why when that fails; the name is left unsettled.
 */
struct lookup *flight_begin(struct name *name, const struct lookups_asker *asker, long long now_ms,
                            enum dance_wire_status *status, const char **why);

/* asker waits for it from now on. false when out of memory. */
bool flight_join(struct lookup *lookup, struct lookups_asker *asker,
                 const struct dance_wire_query *query);

/* When it was begun. */
long long flight_begun_ms(const struct lookup *lookup);

/* Take the results that libunbound has in a context. 0 when it has come to an end. */
int flight_take_results(int context, long long now_ms);

/* Give up those that have grown old, and when that is for the first of them; -1: there is none. */
void flight_expire(long long now_ms);
long long flight_first_ms(void);

#endif
