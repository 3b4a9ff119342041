/*
 * names.h: all that is known of an owner name, in one place.
 *
 * What the DNS said of it, until its time is up; that it was found lately,
 * which is known for longer than its records; its lookup in flight; and whether
 * it is to be looked up again (wanted.h). A name of which nothing is known is
 * none. What is kept is bounded: what was not used for the longest time goes.
 *
 * Names are lower case, without the trailing dot.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_NAMES_H
#define DANCE_NAMES_H

#include "dance_wire.h"
#include "worker/lookups/deadlines.h"
#include "worker/lookups/table.h"

#include <sys/queue.h>

struct domain;
struct kept;
struct lookup;

struct name {
    struct entry entry;
    struct kept *kept;     /* what the DNS said, or NULL */
    struct lookup *lookup; /* in flight, or NULL */
    long long known_ms; /* until when it counts as known, of CLOCK_BOOTTIME; 0: it was not found */
    TAILQ_ENTRY(name) age; /* among the remembered */

    /* wanted.h's */
    struct domain *domain; /* in whose set it is due, or NULL */
    struct deadline due;
    long long until_ms; /* its records' end; 0: it has none */
    unsigned holds;
    uint8_t context;  /* through which it was found */
    bool wanted;      /* it is to be looked up again */
    bool asked;       /* since it was last found */
    bool asked_since; /* since it was last due */
    bool remembered;  /* nothing but that it is known */
};

/* false when out of memory, or where no random key can be had: then there are no names. */
bool names_open(void);
void names_close(void);

/* NULL when there is none. */
struct name *names_find(const char *name, size_t len);

/* Found or made. NULL when out of memory. To be settled by whoever is done with it. */
struct name *names_make(const char *name, size_t len);

/* Done with it for now: it goes unless something is known of it. */
void name_settle(struct name *name);

/* NUL-terminated; its length is name->entry.len. */
const char *name_text(const struct name *name);

/*
 * Keep an answer for its TTL, in place of the one before. Not a failure where
 * records are kept: what was found is good until its end, whatever prevents a
 * renewal. A name with records is known from now on, for a day.
 */
void name_keep(struct name *name, const struct dance_wire_answer *answer);

/*
 * What is kept of it; false when there is nothing. The answer, with what is left
 * of its TTL and no id, is good until anything is kept of any name.
 */
bool name_kept(struct name *name, struct dance_wire_answer *answer);

/* Its records were found within a day, and it was not forgotten for others. */
bool name_known(const struct name *name);

/* Names of which an answer is kept; and names. */
unsigned long names_kept(void);
unsigned long names_count(void);

#endif
