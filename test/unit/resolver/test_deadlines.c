/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/lookups/deadlines.h"

#include <criterion/criterion.h>
#include <limits.h>

#define MANY 1000

Test(deadlines, in_order)
{
    static struct deadline d[MANY];
    struct deadlines set = {0};
    long long last = LLONG_MIN;

    for (size_t i = 0; i < MANY; i++)
        cr_assert(deadlines_add(&set, &d[i], (long long)(i * 7919 % 503)));
    for (size_t i = 0; i < MANY; i++) {
        struct deadline *first = deadlines_first(&set);

        cr_assert_geq(first->at_ms, last);
        last = first->at_ms;
        deadlines_remove(&set, first);
        cr_assert_eq(first->place, 0);
        deadlines_remove(&set, first);
    }
    cr_assert_null(deadlines_first(&set));
    deadlines_free(&set);
}

Test(deadlines, removed_from_anywhere)
{
    static struct deadline d[MANY];
    struct deadlines set = {0};

    for (size_t i = 0; i < MANY; i++)
        cr_assert(deadlines_add(&set, &d[i], (long long)(i * 7919 % 1009)));
    for (size_t i = 0; i < MANY; i++) {
        size_t at = i * 617 % MANY;
        long long least = LLONG_MAX;

        deadlines_remove(&set, &d[at]);
        for (size_t j = 0; j < MANY; j++) {
            if (d[j].place != 0 && d[j].at_ms < least)
                least = d[j].at_ms;
        }
        cr_assert_eq(set.count, MANY - 1 - i);
        if (set.count > 0)
            cr_assert_eq(deadlines_first(&set)->at_ms, least);
    }
    deadlines_free(&set);
}
