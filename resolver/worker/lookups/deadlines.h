/*
 * deadlines.h: a set of moments, the earliest at hand. Pure.
 *
 * What has a deadline embeds a struct deadline (zeroed) and stays its owner.
 * Adding and removing cost log n, asking for the earliest nothing.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_DEADLINES_H
#define DANCE_DEADLINES_H

#include <stddef.h>

struct deadline {
    long long at_ms;
    size_t place; /* 0: in no set; else its index in the set, from 1 */
};

/* A heap: no element is earlier than the one at half its place. Zeroed: empty. */
struct deadlines {
    struct deadline **heap; /* heap[0] is not used */
    size_t count;
    size_t room;
};

/* Have room for count of them: adding those cannot fail. 0 when out of memory. */
int deadlines_reserve(struct deadlines *set, size_t count);

/* Add d, due at at_ms. 0 when out of memory. */
int deadlines_add(struct deadlines *set, struct deadline *d, long long at_ms);

/* Take d out; harmless when it is in no set. */
void deadlines_remove(struct deadlines *set, struct deadline *d);

/* The earliest, or NULL. */
struct deadline *deadlines_first(const struct deadlines *set);

/* Free the set, not what was in it. */
void deadlines_free(struct deadlines *set);

#endif
