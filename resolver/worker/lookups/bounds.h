/*
 * bounds.h: how many lookups there may be, in all, of a process, of a domain,
 * and of what is due.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_BOUNDS_H
#define DANCE_BOUNDS_H

#include "worker/lookups/domains.h"

enum lookup_kind {
    LOOKUP_OF_STRANGER,
    LOOKUP_OF_KNOWN,     /* its name was found lately */
    LOOKUP_IN_BACKGROUND /* it was due */
};
#define LOOKUP_KINDS 3

struct lookups_limits {
    unsigned lookups;            /* in flight in all */
    unsigned lookups_per_client; /* begun for one process */
    unsigned denial_ttl;         /* seconds for which a denial is believed at the most */
};

struct account;

void bounds_open(const struct lookups_limits *limits);

/* A lookup more, or less. account: charged for it, or NULL. */
void bounds_begin(enum lookup_kind kind, struct account *account);
void bounds_end(enum lookup_kind kind, struct account *account);

unsigned lookups_in_flight(void);

/* Which bound holds it back. */
enum bounds_reached { BOUNDS_NONE, BOUNDS_OF_ALL, BOUNDS_OF_PROCESS, BOUNDS_OF_DOMAIN };
enum bounds_reached bounds_reached(enum lookup_kind kind, const struct account *account,
                                   const struct domain *domain);

/*
 * How many may be in flight because they were due, in each of the lines of
 * domains.h, at any time and now: few while somebody waits for another one.
 */
unsigned bounds_background(void);
unsigned bounds_background_now(void);

#endif
