/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/lookups/names.h"

#include "cache.h"

#include <stdlib.h>
#include <string.h>

/* For which a name that was found counts as known. */
#define KNOWN_MS 86400000LL
/* Names of which nothing else is known. */
#define REMEMBERED_MAX 65536u

struct kept {
    TAILQ_ENTRY(kept) age;
    struct name *name;
    enum dance_cache_kind kind;
    struct dance_moment until;
    size_t len;
    uint8_t octets[]; /* the answer, as a message */
};
TAILQ_HEAD(kept_queue, kept);

/* For a fleet of 100,000 names and more; what does not exist is kept apart and given less. */
static const struct dance_cache_room room[DANCE_CACHE_KINDS] = {
    [DANCE_CACHE_RECORDS] = {262144, (size_t)96 << 20},
    [DANCE_CACHE_OTHERS] = {32768, (size_t)16 << 20},
};

static struct table names;
static struct kept_queue by_age[DANCE_CACHE_KINDS]; /* the one used last comes last */
static struct dance_cache_room used[DANCE_CACHE_KINDS];
static TAILQ_HEAD(name_queue, name) remembered; /* likewise */
static unsigned remembered_count;

bool names_open(void)
{
    for (size_t k = 0; k < DANCE_CACHE_KINDS; k++) {
        TAILQ_INIT(&by_age[k]);
        used[k] = (struct dance_cache_room){0, 0};
    }
    TAILQ_INIT(&remembered);
    remembered_count = 0;
    return table_open(&names, sizeof(struct name));
}

static void end(struct entry *entry)
{
    free(((struct name *)entry)->kept);
}

void names_close(void)
{
    table_close(&names, end);
}

struct name *names_find(const char *name, size_t len)
{
    return (struct name *)table_find(&names, name, len);
}

struct name *names_make(const char *name, size_t len)
{
    struct name *n = names_find(name, len);

    return n != NULL ? n : (struct name *)table_make(&names, name, len);
}

const char *name_text(const struct name *name)
{
    return table_name(&names, &name->entry);
}

bool name_known(const struct name *name)
{
    return name->known_ms != 0 && dance_moment_now().boot < name->known_ms;
}

static void forget(struct name *name)
{
    TAILQ_REMOVE(&remembered, name, age);
    name->remembered = false;
    remembered_count--;
}

void name_settle(struct name *name)
{
    if (name->remembered)
        forget(name);
    if (name->kept != NULL || name->lookup != NULL || name->wanted)
        return;
    if (!name_known(name)) {
        table_drop(&names, &name->entry);
        return;
    }
    if (remembered_count == REMEMBERED_MAX) {
        struct name *oldest = TAILQ_FIRST(&remembered);

        forget(oldest);
        table_drop(&names, &oldest->entry);
    }
    TAILQ_INSERT_TAIL(&remembered, name, age);
    name->remembered = true;
    remembered_count++;
}

static size_t size_of(const struct kept *kept)
{
    return sizeof(*kept) + kept->len + sizeof(*kept->name) + kept->name->entry.len;
}

/* The name is left unsettled. */
static void drop(struct kept *kept)
{
    TAILQ_REMOVE(&by_age[kept->kind], kept, age);
    used[kept->kind].entries--;
    used[kept->kind].octets -= size_of(kept);
    kept->name->kept = NULL;
    free(kept);
}

/*
 * Let the oldest of this kind go until one of this size fits. (The analyzer does
 * not follow TAILQ_REMOVE().)
 */
static void make_room(enum dance_cache_kind kind, size_t size)
{
    while (used[kind].entries >= room[kind].entries
           || used[kind].octets > room[kind].octets - size) {
        struct kept *oldest = TAILQ_FIRST(&by_age[kind]);
        struct name *name = oldest->name; // NOLINT(clang-analyzer-unix.Malloc)

        drop(oldest);
        name_settle(name);
    }
}

static void put(struct name *name, enum dance_cache_kind kind, const uint8_t *octets, size_t len,
                uint32_t ttl)
{
    struct dance_moment now = dance_moment_now();
    struct kept *kept = calloc(1, sizeof(*kept) + len);

    if (kept == NULL)
        return;
    kept->name = name;
    kept->kind = kind;
    kept->until.boot = now.boot + (long long)ttl * 1000;
    kept->until.calendar = now.calendar + (long long)ttl * 1000;
    kept->len = len;
    memcpy(kept->octets, octets, len);
    make_room(kind, size_of(kept));
    name->kept = kept;
    TAILQ_INSERT_TAIL(&by_age[kind], kept, age);
    used[kind].entries++;
    used[kind].octets += size_of(kept);
}

/* Whole seconds that it may be believed. */
static uint32_t left(const struct kept *kept)
{
    struct dance_moment now = dance_moment_now();
    long long boot = kept->until.boot - now.boot;
    long long calendar = kept->until.calendar - now.calendar;
    long long ms = boot < calendar ? boot : calendar;

    return ms <= 0 ? 0 : (uint32_t)(ms / 1000);
}

/* The DNS said that there are records, or that there are none. */
static bool is_said(enum dance_wire_status status)
{
    return status == DANCE_WIRE_SECURE || status == DANCE_WIRE_ABSENT
           || status == DANCE_WIRE_INSECURE;
}

void name_keep(struct name *name, const struct dance_wire_answer *answer)
{
    static uint8_t message[DANCE_WIRE_MAX];
    struct dance_wire_answer anonymous = *answer;
    size_t len;

    if (!is_said(answer->status) && name->kept != NULL && left(name->kept) > 0)
        return;
    if (name->kept != NULL)
        drop(name->kept);
    if (answer->status == DANCE_WIRE_SECURE)
        name->known_ms = dance_moment_now().boot + KNOWN_MS;
    anonymous.id = 0;
    len = dance_wire_encode_answer(&anonymous, message, sizeof(message));
    if (len > 0 && answer->ttl > 0)
        put(name, answer->status == DANCE_WIRE_SECURE ? DANCE_CACHE_RECORDS : DANCE_CACHE_OTHERS,
            message, len, answer->ttl);
}

bool name_kept(struct name *name, struct dance_wire_answer *answer)
{
    struct kept *kept = name->kept;
    uint32_t ttl = kept != NULL ? left(kept) : 0;

    if (ttl == 0 || !dance_wire_decode_answer(kept->octets, kept->len, answer)) {
        if (kept != NULL)
            drop(kept);
        return false;
    }
    TAILQ_REMOVE(&by_age[kept->kind], kept, age);
    TAILQ_INSERT_TAIL(&by_age[kept->kind], kept, age);
    answer->ttl = ttl;
    return true;
}

unsigned long names_kept(void)
{
    return used[DANCE_CACHE_RECORDS].entries + used[DANCE_CACHE_OTHERS].entries;
}

unsigned long names_count(void)
{
    return names.count;
}
