/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/lookups/wanted.h"

#include "name_hash.h"
#include "worker/lookups/deadlines.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define BUCKETS 65536u
/* Looked up again so long before the end: a tenth of the TTL, within these bounds. */
#define LEAD_MIN_MS 2000
#define LEAD_MAX_MS 300000
#define TTL_MIN_MS 5000 /* what ends sooner is not worth it */
/* A held name that has no records is looked at again after its TTL, within these bounds. */
#define DENIED_MIN_MS 30000
#define DENIED_MAX_MS 3600000
#define FAILED_MS 30000
#define AGAIN_MIN_MS 5000LL

struct wanted {
    struct deadline due; /* first, so that it is the name's address */
    LIST_ENTRY(wanted) bucket;
    unsigned holds;
    bool asked;         /* since it was last found */
    bool asked_since;   /* since it was last due */
    int context;        /* through which it was found */
    long long until_ms; /* its records' end; 0: it has none */
    size_t len;
    char name[];
};

static LIST_HEAD(wanted_list, wanted) table[BUCKETS];
static struct dance_hash_key key; /* all zero until it could be made: then all in one bucket */
static struct deadlines due;
static unsigned count;
static unsigned held;

static struct wanted_list *bucket_of(const char *name, size_t len)
{
    if (key.point == 0)
        (void)dance_hash_key_make(&key);
    return &table[dance_name_hash(&key, name, len) % BUCKETS];
}

static struct wanted *find(const char *name, size_t len)
{
    struct wanted *w;

    LIST_FOREACH(w, bucket_of(name, len), bucket)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (w->len == len && memcmp(w->name, name, len) == 0)
            return w;
    }
    return NULL;
}

static void drop(struct wanted *w)
{
    deadlines_remove(&due, &w->due);
    LIST_REMOVE(w, bucket);
    count--;
    free(w);
}

static struct wanted *make(const char *name, size_t len)
{
    struct wanted *w = calloc(1, sizeof(*w) + len);

    if (w == NULL)
        return NULL;
    w->len = len;
    memcpy(w->name, name, len);
    LIST_INSERT_HEAD(bucket_of(name, len), w, bucket);
    count++;
    return w;
}

static int move(struct wanted *w, long long at_ms)
{
    deadlines_remove(&due, &w->due);
    return deadlines_add(&due, &w->due, at_ms);
}

/* Due at at_ms; a name for which there is no memory is forgotten, unless somebody holds it. */
static void schedule(struct wanted *w, long long at_ms)
{
    if (!move(w, at_ms) && w->holds == 0)
        drop(w);
}

static long long within(long long ms, long long low, long long high)
{
    return ms < low ? low : (ms > high ? high : ms);
}

void wanted_found(const char *name, size_t len, uint32_t ttl, int context, long long now_ms)
{
    struct wanted *w = find(name, len);
    long long life = (long long)ttl * 1000;
    long long lead = within(life / 10, LEAD_MIN_MS, LEAD_MAX_MS);

    if (w == NULL && life >= TTL_MIN_MS && count - held < WANTED_POPULAR_MAX)
        w = make(name, len);
    if (w == NULL)
        return;
    /* Whoever asked while it was looked up again counts for what was found now. */
    w->asked = w->asked_since;
    w->asked_since = false;
    w->context = context;
    w->until_ms = now_ms + life;
    if (life >= TTL_MIN_MS)
        schedule(w, w->until_ms - lead);
    else if (w->holds > 0)
        schedule(w, now_ms + DENIED_MIN_MS);
    else
        drop(w);
}

void wanted_denied(const char *name, size_t len, uint32_t ttl, long long now_ms)
{
    struct wanted *w = find(name, len);

    if (w == NULL)
        return;
    w->until_ms = 0;
    if (w->holds > 0)
        schedule(w, now_ms + within((long long)ttl * 1000, DENIED_MIN_MS, DENIED_MAX_MS));
    else
        drop(w);
}

void wanted_failed(const char *name, size_t len, long long now_ms)
{
    struct wanted *w = find(name, len);

    if (w == NULL)
        return;
    if (w->until_ms - now_ms > 2 * AGAIN_MIN_MS)
        schedule(w, now_ms + within((w->until_ms - now_ms) / 2, AGAIN_MIN_MS, FAILED_MS));
    else if (w->holds > 0)
        schedule(w, now_ms + FAILED_MS);
    else
        drop(w);
}

void wanted_asked(const char *name, size_t len, long long now_ms)
{
    struct wanted *w = find(name, len);

    if (w == NULL)
        return;
    /* Not when it waits for its time: that is of what was found. */
    w->asked_since = w->due.place == 0;
    if (w->asked)
        return;
    w->asked = true;
    /* It was due already, and nobody had asked: now somebody has. */
    if (w->due.place != 0 && w->due.at_ms == w->until_ms)
        schedule(w, now_ms);
}

struct wanted *wanted_hold(const char *name, size_t len, long long now_ms)
{
    struct wanted *w = find(name, len);

    if (w == NULL || w->holds == 0) {
        if (held >= WANTED_HELD_MAX)
            return NULL;
        if (w == NULL)
            w = make(name, len);
        if (w == NULL)
            return NULL;
        held++;
        w->holds = 1;
        if (w->until_ms == 0)
            (void)move(w, now_ms);
    } else {
        w->holds++;
    }
    return w;
}

void wanted_release(struct wanted *w, long long now_ms)
{
    if (--w->holds > 0)
        return;
    held--;
    if (w->until_ms <= now_ms || w->due.place == 0)
        drop(w);
}

const char *wanted_due(long long now_ms, size_t *len, int *context)
{
    struct deadline *first;

    while ((first = deadlines_first(&due)) != NULL && first->at_ms <= now_ms) {
        struct wanted *w = (struct wanted *)(void *)first;

        if (w->holds > 0 || (w->asked && w->until_ms > now_ms)) {
            deadlines_remove(&due, &w->due);
            *len = w->len;
            *context = w->until_ms > now_ms ? 1 - w->context : 0;
            return w->name;
        }
        /* Nobody has asked yet: there is time until the end. */
        if (w->until_ms > now_ms)
            schedule(w, w->until_ms);
        else
            drop(w);
    }
    return NULL;
}

int wanted_wait_ms(long long now_ms)
{
    const struct deadline *first = deadlines_first(&due);

    if (first == NULL)
        return -1;
    return (int)within(first->at_ms - now_ms, 0, INT_MAX);
}

unsigned wanted_count(void)
{
    return count;
}

unsigned wanted_held(void)
{
    return held;
}

void wanted_close(void)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        while (!LIST_EMPTY(&table[i]))
            drop(LIST_FIRST(&table[i])); // NOLINT(clang-analyzer-unix.Malloc)
    }
    deadlines_free(&due);
    held = 0;
}
