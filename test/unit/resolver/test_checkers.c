/* How many checkers a worker may have. Copyright the dance authors. SPDX-License-Identifier:
 * Apache-2.0 */
#include "supervisor/checkers.h"

#include <criterion/criterion.h>

Test(checkers, so_many_at_a_time)
{
    struct checkers c = {.running = 0};

    for (pid_t pid = 1; pid <= (pid_t)CHECKERS_MAX; pid++) {
        cr_assert(checkers_may_start(&c, 5000));
        checkers_started(&c, pid);
    }
    cr_assert(!checkers_may_start(&c, 5000));
    cr_assert(!checkers_may_start(&c, 9000));
    cr_assert_eq(checkers_in_the_way(&c), 1);
    cr_assert(!checkers_ended(&c, 77), "nobody of these");
    cr_assert(checkers_ended(&c, 2));
    cr_assert_eq(checkers_in_the_way(&c), 0, "there is room");
    cr_assert(!checkers_ended(&c, 2), "it ends once");
    cr_assert(checkers_may_start(&c, 9000));
    cr_assert_eq(c.running, CHECKERS_MAX - 1);
    cr_assert(checkers_ended(&c, 1));
    checkers_started(&c, 5);
    checkers_started(&c, 6);
    cr_assert_eq(checkers_in_the_way(&c), 3, "the first of those that are there");
}

Test(checkers, so_many_starts_in_a_second)
{
    struct checkers c = {.running = 0};

    for (unsigned i = 0; i < CHECKERS_STARTS_MAX; i++) {
        cr_assert(checkers_may_start(&c, 5000 + i));
        checkers_started(&c, 1);
        cr_assert(checkers_ended(&c, 1));
    }
    cr_assert(!checkers_may_start(&c, 5999));
    cr_assert(checkers_may_start(&c, 6000));
}
