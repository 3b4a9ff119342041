/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/lookups/deadlines.h"

#include <stdlib.h>

static void put(struct deadlines *set, size_t place, struct deadline *d)
{
    set->heap[place] = d;
    d->place = place;
}

/* Move d, which belongs at place or nearer to the front, to where it belongs. */
static void rise(struct deadlines *set, size_t place, struct deadline *d)
{
    for (; place > 1 && set->heap[place / 2]->at_ms > d->at_ms; place /= 2)
        put(set, place, set->heap[place / 2]);
    put(set, place, d);
}

/* Move d, which belongs at place or farther back, to where it belongs. */
static void sink(struct deadlines *set, size_t place, struct deadline *d)
{
    for (;;) {
        size_t next = 2 * place;

        if (next + 1 <= set->count && set->heap[next + 1]->at_ms < set->heap[next]->at_ms)
            next++;
        if (next > set->count || set->heap[next]->at_ms >= d->at_ms)
            break;
        put(set, place, set->heap[next]);
        place = next;
    }
    put(set, place, d);
}

int deadlines_reserve(struct deadlines *set, size_t count)
{
    size_t room = set->room == 0 ? 4 : 2 * set->room;
    struct deadline **heap;

    if (count < set->room)
        return 1;
    heap = realloc(set->heap, (room > count ? room : count + 1) * sizeof(struct deadline *));
    if (heap == NULL)
        return 0;
    set->heap = heap;
    set->room = room > count ? room : count + 1;
    return 1;
}

int deadlines_add(struct deadlines *set, struct deadline *d, long long at_ms)
{
    if (!deadlines_reserve(set, set->count + 1))
        return 0;
    d->at_ms = at_ms;
    rise(set, ++set->count, d);
    return 1;
}

void deadlines_remove(struct deadlines *set, struct deadline *d)
{
    size_t place = d->place;
    struct deadline *last;

    if (place == 0)
        return;
    d->place = 0;
    last = set->heap[set->count--];
    if (last == d)
        return;
    if (place > 1 && set->heap[place / 2]->at_ms > last->at_ms)
        rise(set, place, last);
    else
        sink(set, place, last);
}

struct deadline *deadlines_first(const struct deadlines *set)
{
    return set->count > 0 ? set->heap[1] : NULL;
}

void deadlines_free(struct deadlines *set)
{
    free(set->heap);
    *set = (struct deadlines){0};
}
