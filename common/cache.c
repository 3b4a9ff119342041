/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "cache.h"

#include "name_hash.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#define PARTS 16u
#define BUCKETS_MAX 16384u /* of a part */

struct cached_place {
    struct dance_cached cached;
    LIST_ENTRY(cached_place) bucket;
    TAILQ_ENTRY(cached_place) age;
    _Atomic unsigned references; /* the cache's own is one */
    enum dance_cache_kind kind;
    struct dance_moment until;
    size_t size; /* of all of it */
    size_t name_len;
    char name[]; /* then the octets */
};
LIST_HEAD(place_list, cached_place);
TAILQ_HEAD(place_queue, cached_place);

struct part {
    pthread_mutex_t lock;                         /* never held while anything is waited for */
    struct place_list *buckets;                   /* made when the first entry is */
    struct place_queue by_age[DANCE_CACHE_KINDS]; /* the one used last comes last */
    struct dance_cache_room used[DANCE_CACHE_KINDS];
};

struct dance_cache {
    struct dance_hash_key key;
    size_t buckets;                                  /* of each part */
    struct dance_cache_room room[DANCE_CACHE_KINDS]; /* of one part */
    struct part part[PARTS];
};

static long long milliseconds(clockid_t clock)
{
    struct timespec t = {0, 0};

    (void)clock_gettime(clock, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct dance_moment dance_moment_now(void)
{
    struct dance_moment now = {milliseconds(CLOCK_BOOTTIME), milliseconds(CLOCK_REALTIME)};

    return now;
}

static struct part *part_of(struct dance_cache *cache, uint32_t hash)
{
    return &cache->part[hash % PARTS];
}

struct dance_cache *dance_cache_new(const struct dance_cache_room room[DANCE_CACHE_KINDS])
{
    struct dance_cache *cache = calloc(1, sizeof(*cache));
    size_t entries = 0;

    if (cache == NULL || !dance_hash_key_make(&cache->key)) {
        free(cache);
        return NULL;
    }
    for (size_t k = 0; k < DANCE_CACHE_KINDS; k++) {
        cache->room[k] = (struct dance_cache_room){room[k].entries / PARTS, room[k].octets / PARTS};
        entries += cache->room[k].entries;
    }
    /* So that a full one has two entries in each, or less. */
    for (cache->buckets = 16; cache->buckets < BUCKETS_MAX && cache->buckets * 2 < entries;)
        cache->buckets *= 2;
    for (size_t i = 0; i < PARTS; i++) {
        (void)pthread_mutex_init(&cache->part[i].lock, NULL);
        for (size_t k = 0; k < DANCE_CACHE_KINDS; k++)
            TAILQ_INIT(&cache->part[i].by_age[k]);
    }
    return cache;
}

static void let_go(struct cached_place *place)
{
    if (atomic_fetch_sub(&place->references, 1) == 1)
        free(place);
}

void dance_cached_free(struct dance_cached *cached)
{
    if (cached != NULL)
        let_go(cached->own);
}

/* With the part's lock held. */
static void drop(struct part *part, struct cached_place *place)
{
    LIST_REMOVE(place, bucket);
    TAILQ_REMOVE(&part->by_age[place->kind], place, age);
    part->used[place->kind].entries--;
    part->used[place->kind].octets -= place->size;
    let_go(place);
}

void dance_cache_free(struct dance_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < PARTS; i++) {
        struct part *part = &cache->part[i];

        for (size_t k = 0; k < DANCE_CACHE_KINDS; k++) {
            while (!TAILQ_EMPTY(&part->by_age[k]))
                drop(part, TAILQ_FIRST(&part->by_age[k])); // NOLINT(clang-analyzer-unix.Malloc)
        }
        free(part->buckets);
        (void)pthread_mutex_destroy(&part->lock);
    }
    free(cache);
}

static struct place_list *bucket_of(const struct dance_cache *cache, struct part *part,
                                    uint32_t hash)
{
    return &part->buckets[hash / PARTS % cache->buckets];
}

/* With the part's lock held. */
static struct cached_place *seek(const struct dance_cache *cache, struct part *part, uint32_t hash,
                                 const char *name, size_t len)
{
    struct cached_place *place;

    if (part->buckets == NULL)
        return NULL;
    LIST_FOREACH(place, bucket_of(cache, part, hash), bucket)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (place->name_len == len && memcmp(place->name, name, len) == 0)
            return place;
    }
    return NULL;
}

/* Whole seconds that it may be believed. */
static uint32_t left(const struct cached_place *place, const struct dance_moment *now)
{
    long long boot = place->until.boot - now->boot;
    long long calendar = place->until.calendar - now->calendar;
    long long ms = boot < calendar ? boot : calendar;

    return ms <= 0 ? 0 : (uint32_t)(ms / 1000);
}

struct dance_cached *dance_cache_find(struct dance_cache *cache, const char *name, size_t len,
                                      const struct dance_moment *now, uint32_t *ttl)
{
    uint32_t hash = dance_name_hash(&cache->key, name, len);
    struct part *part = part_of(cache, hash);
    struct cached_place *place;

    (void)pthread_mutex_lock(&part->lock);
    place = seek(cache, part, hash, name, len);
    if (place != NULL) {
        *ttl = left(place, now);
        if (*ttl == 0) {
            drop(part, place);
            place = NULL;
        } else {
            TAILQ_REMOVE(&part->by_age[place->kind], place, age);
            TAILQ_INSERT_TAIL(&part->by_age[place->kind], place, age);
            (void)atomic_fetch_add(&place->references, 1);
        }
    }
    (void)pthread_mutex_unlock(&part->lock);
    return place != NULL ? &place->cached : NULL;
}

static struct cached_place *make(const char *name, size_t len, const void *octets,
                                 size_t octets_len)
{
    size_t size = sizeof(struct cached_place) + len + octets_len;
    struct cached_place *place = calloc(1, size);

    if (place == NULL)
        return NULL;
    atomic_init(&place->references, 1);
    place->size = size;
    place->name_len = len;
    memcpy(place->name, name, len);
    place->cached.own = place;
    place->cached.octets = (uint8_t *)place->name + len;
    place->cached.len = octets_len;
    if (octets_len > 0)
        memcpy(place->cached.octets, octets, octets_len);
    return place;
}

/*
 * With the part's lock held: let the oldest of this kind go until one of this size fits.
 * (The analyzer does not follow TAILQ_REMOVE(), here and above.)
 */
static bool make_room(const struct dance_cache *cache, struct part *part,
                      enum dance_cache_kind kind, size_t size)
{
    const struct dance_cache_room *room = &cache->room[kind];
    const struct dance_cache_room *used = &part->used[kind];

    if (room->entries == 0 || size > room->octets)
        return false;
    while (used->entries >= room->entries || used->octets > room->octets - size)
        drop(part, TAILQ_FIRST(&part->by_age[kind])); // NOLINT(clang-analyzer-unix.Malloc)
    if (part->buckets == NULL)
        part->buckets = calloc(cache->buckets, sizeof(*part->buckets));
    return part->buckets != NULL;
}

void dance_cache_put(struct dance_cache *cache, const char *name, size_t len,
                     enum dance_cache_kind kind, const void *octets, size_t octets_len,
                     uint32_t ttl, const struct dance_moment *since)
{
    uint32_t hash = dance_name_hash(&cache->key, name, len);
    struct part *part = part_of(cache, hash);
    struct cached_place *place = ttl > 0 ? make(name, len, octets, octets_len) : NULL;
    struct cached_place *before;

    if (place != NULL) {
        place->kind = kind;
        place->cached.ttl = ttl;
        place->until.boot = since->boot + (long long)ttl * 1000;
        place->until.calendar = since->calendar + (long long)ttl * 1000;
    }
    (void)pthread_mutex_lock(&part->lock);
    before = seek(cache, part, hash, name, len);
    if (before != NULL)
        drop(part, before);
    if (place != NULL && make_room(cache, part, kind, place->size)) {
        LIST_INSERT_HEAD(bucket_of(cache, part, hash), place, bucket);
        TAILQ_INSERT_TAIL(&part->by_age[kind], place, age);
        part->used[kind].entries++;
        part->used[kind].octets += place->size;
        place = NULL;
    }
    (void)pthread_mutex_unlock(&part->lock);
    free(place);
}

struct dance_cache_room dance_cache_used(struct dance_cache *cache)
{
    struct dance_cache_room sum = {0, 0};

    for (size_t i = 0; i < PARTS; i++) {
        struct part *part = &cache->part[i];

        (void)pthread_mutex_lock(&part->lock);
        for (size_t k = 0; k < DANCE_CACHE_KINDS; k++) {
            sum.entries += part->used[k].entries;
            sum.octets += part->used[k].octets;
        }
        (void)pthread_mutex_unlock(&part->lock);
    }
    return sum;
}
