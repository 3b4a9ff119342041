/*
 * wanted.h: names whose records are looked up again before they end.
 *
 * A name that was asked for again while its records were good is popular: a
 * tenth of the TTL before they end it is due, so that nobody has to wait for
 * it. A name that somebody holds (prefetch) is due at once, and again and
 * again as long as it is held, whatever became of it. Both kinds are bounded.
 * Nothing is looked up here.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_WANTED_H
#define DANCE_WANTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WANTED_POPULAR_MAX 131072u
#define WANTED_HELD_MAX 200000u

struct wanted;

/* The records of a name were found, through this libunbound context, good for ttl seconds. */
void wanted_found(const char *name, size_t len, uint32_t ttl, int context, long long now_ms);

/* The DNS says that there are none, for ttl seconds. */
void wanted_denied(const char *name, size_t len, uint32_t ttl, long long now_ms);

/* The DNS says nothing of use: what was found before stays good until its end. */
void wanted_failed(const char *name, size_t len, long long now_ms);

/* Somebody asked for it, or will soon. */
void wanted_asked(const char *name, size_t len, long long now_ms);

/* Hold a name. NULL when there are too many, or out of memory; to be released. */
struct wanted *wanted_hold(const char *name, size_t len, long long now_ms);
void wanted_release(struct wanted *wanted, long long now_ms);

/*
 * A name that is due to be looked up, in which context, or NULL. It is not
 * due again before wanted_found(), wanted_denied() or wanted_failed() told
 * what became of it. Good until the next call of any of these functions.
 */
const char *wanted_due(long long now_ms, size_t *len, int *context);

/* Milliseconds until wanted_due() has something to do; -1: not before something happens. */
int wanted_wait_ms(long long now_ms);

/* How many names there are, and how many of them are held. */
unsigned wanted_count(void);
unsigned wanted_held(void);

void wanted_close(void);

#endif
