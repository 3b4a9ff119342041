/*
 * wanted.h: names whose records are looked up again before they end.
 *
 * A name that was asked for again while its records were good is popular: a
 * tenth of the TTL, but 2 to 300 s, before they end it is due, so that nobody has to wait for
 * it. A name that somebody holds (prefetch) is due at once, and again and
 * again as long as it is held, whatever became of it. Both kinds are bounded.
 * Names that are due take turns by their domains (domains.h). Nothing is
 * looked up here.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_WANTED_H
#define DANCE_WANTED_H

#include "worker/lookups/names.h"

#define WANTED_POPULAR_MAX 131072u
#define WANTED_HELD_MAX 2000000u /* the longest list, and another one that takes its place */

/* The records of a name were found, through this libunbound context, good for ttl seconds. */
void wanted_found(struct name *name, uint32_t ttl, int context, long long now_ms);

/* The DNS says that there are none, for ttl seconds. */
void wanted_denied(struct name *name, uint32_t ttl, long long now_ms);

/* The DNS says nothing of use: what was found before stays good until its end. */
void wanted_failed(struct name *name, long long now_ms);

/* Somebody asked for it, or will soon. */
void wanted_asked(struct name *name, long long now_ms);

/* Hold a name. NULL when there are too many, or out of memory; to be released. */
struct name *wanted_hold(const char *name, size_t len, long long now_ms);
void wanted_release(struct name *name, long long now_ms);

/*
 * A name that is due to be looked up, or NULL; room: see domains_next(). It is
 * not due again before wanted_found(), wanted_denied() or wanted_failed() told
 * what became of it.
 */
struct name *wanted_due(unsigned room, long long now_ms);

/* How many names there are, and how many of them are held. */
unsigned wanted_count(void);
unsigned wanted_held(void);

void wanted_open(void);

#endif
