/*
 * cache.h: what the DNS said about a name, until its time is up.
 *
 * Names are chosen by whoever connects, so the hash has a random key, and what
 * is kept is bounded in entries and octets: the entry that was not used for
 * the longest time goes. Records have a budget of their own, which denials and
 * failures, easily made in any number, cannot touch; so has what clients' chains
 * came to. Finding and putting cost
 * the same however full it is; threads share no lock unless their names fall
 * into the same of sixteen parts. An entry ends with its TTL on the clock that
 * goes on while the machine is suspended, or on the calendar's, whichever is
 * first: a machine that was put to sleep or a snapshot that is woken up does
 * not believe yesterday's records. Knows no OpenSSL: the resolver uses it too.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CACHE_H
#define DANCE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dance_cache;

/* One moment on two clocks, in milliseconds. */
struct dance_moment {
    long long boot;     /* CLOCK_BOOTTIME */
    long long calendar; /* CLOCK_REALTIME */
};
struct dance_moment dance_moment_now(void);

/* An entry: fixed once it is made, counted, and good for reading after it has left the cache. */
struct dance_cached {
    uint8_t *octets; /* what was put */
    size_t len;
    uint32_t ttl;             /* seconds it was put for */
    _Atomic bool mark;        /* the user's own; false at first */
    struct cached_place *own; /* the cache's */
};

/* What of one kind may be kept; for each of the kinds. */
struct dance_cache_room {
    size_t entries;
    size_t octets; /* names, octets and what it takes to keep them */
};
enum dance_cache_kind { DANCE_CACHE_RECORDS, DANCE_CACHE_OTHERS, DANCE_CACHE_CHAINS };
#define DANCE_CACHE_KINDS (DANCE_CACHE_CHAINS + 1)

/* Empty; NULL when out of memory or where no random key can be had. */
struct dance_cache *dance_cache_new(const struct dance_cache_room room[DANCE_CACHE_KINDS]);

/* Entries in use elsewhere live on until they are given up there. */
void dance_cache_free(struct dance_cache *cache);

/*
 * The entry of a name (lower case) that may be believed for a second at least,
 * with the whole seconds in *ttl; NULL when there is none. One reference for
 * the caller, to be given up by dance_cached_free().
 */
struct dance_cached *dance_cache_find(struct dance_cache *cache, const char *name, size_t len,
                                      const struct dance_moment *now, uint32_t *ttl);
void dance_cached_free(struct dance_cached *cached);

/*
 * Keep a copy of the octets for ttl seconds from since on, in place of what is
 * kept for that name. With ttl 0, or when it does not fit, the name is
 * forgotten instead.
 */
void dance_cache_put(struct dance_cache *cache, const char *name, size_t len,
                     enum dance_cache_kind kind, const void *octets, size_t octets_len,
                     uint32_t ttl, const struct dance_moment *since);

/* What is kept now of all kinds, for tests and counters. */
struct dance_cache_room dance_cache_used(struct dance_cache *cache);

#endif
