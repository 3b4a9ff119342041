/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/repeats.h"

/*
 * The word, from its low end: how often it was counted (it counts if that is not 0), how often it
 * was said, and since when one or the other, in milliseconds, of which two years fit.
 */
#define COUNTED_BITS 24u
#define COUNTED_MAX ((1u << COUNTED_BITS) - 1)
#define SAID_BITS 4u
#define SINCE_MASK ((UINT64_C(1) << (64 - COUNTED_BITS - SAID_BITS)) - 1)

struct state {
    unsigned counted;
    unsigned said;
    uint64_t since;
};

static struct state read_word(uint64_t word)
{
    return (struct state){(unsigned)(word & COUNTED_MAX),
                          (unsigned)(word >> COUNTED_BITS) & ((1u << SAID_BITS) - 1),
                          word >> (COUNTED_BITS + SAID_BITS)};
}

static uint64_t make_word(struct state s)
{
    return (s.since & SINCE_MASK) << (COUNTED_BITS + SAID_BITS) | (uint64_t)s.said << COUNTED_BITS
           | s.counted;
}

static uint64_t elapsed(struct state s, long long now)
{
    uint64_t ms = ((uint64_t)now - s.since) & SINCE_MASK;

    /* Another thread asked the clock later, and was here before. */
    return ms > SINCE_MASK / 2 ? 0 : ms;
}

static struct dance_repeats_rest rest_of(struct state s, long long now)
{
    uint64_t ms = elapsed(s, now);

    if (s.counted == 0)
        return (struct dance_repeats_rest){0, 0};
    if (ms > DANCE_REPEATS_COUNT_MS)
        ms = DANCE_REPEATS_COUNT_MS; /* nothing was counted later */
    return (struct dance_repeats_rest){s.counted,
                                       (unsigned)(ms / 1000 + (ms % 1000 != 0 || ms == 0))};
}

/* What follows, and whether this one is said. */
static bool next(struct state *s, long long now)
{
    if (s->counted > 0 && elapsed(*s, now) < DANCE_REPEATS_COUNT_MS) {
        s->counted += s->counted < COUNTED_MAX;
        return false;
    }
    if (s->counted == 0 && s->said == DANCE_REPEATS_SAID
        && elapsed(*s, now) < DANCE_REPEATS_WITHIN_MS) {
        *s = (struct state){1, s->said, (uint64_t)now};
        return false;
    }
    if (s->counted > 0 || s->said == 0 || elapsed(*s, now) >= DANCE_REPEATS_WITHIN_MS)
        *s = (struct state){0, 0, (uint64_t)now};
    s->said++;
    return true;
}

bool dance_repeats_happens(struct dance_repeats *repeats, long long now,
                           struct dance_repeats_rest *rest)
{
    uint64_t word = atomic_load(&repeats->word);
    struct state before;
    struct state after;
    bool said;

    do {
        before = after = read_word(word);
        said = next(&after, now);
    } while (!atomic_compare_exchange_weak(&repeats->word, &word, make_word(after)));
    *rest = said ? rest_of(before, now) : (struct dance_repeats_rest){0, 0};
    return said;
}

struct dance_repeats_rest dance_repeats_take(struct dance_repeats *repeats, long long now, bool end)
{
    uint64_t word = atomic_load(&repeats->word);
    struct state s;

    do {
        s = read_word(word);
        if (s.counted == 0 || (!end && elapsed(s, now) < DANCE_REPEATS_COUNT_MS))
            return (struct dance_repeats_rest){0, 0};
    } while (!atomic_compare_exchange_weak(&repeats->word, &word, 0));
    return rest_of(s, now);
}

void dance_repeats_forget(struct dance_repeats *repeats)
{
    atomic_store(&repeats->word, 0);
}
