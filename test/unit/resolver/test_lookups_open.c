/* A worker without random numbers. Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "worker/lookups/lookups.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <seccomp.h>
#include <sys/random.h>

static const char no_dns[] = "no DNS";

static void deliver(struct lookups_asker *asker, const struct dance_wire_answer *answer)
{
    (void)asker;
    (void)answer;
}

/* Of this process, which Criterion has made for the test. */
static void no_random_numbers(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    uint8_t octet;

    cr_assert_not_null(filter);
    cr_assert_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EIO), SCMP_SYS(getrandom), 0), 0);
    cr_assert_eq(seccomp_load(filter), 0);
    seccomp_release(filter);
    if (getrandom(&octet, sizeof(octet), GRND_NONBLOCK) == (ssize_t)sizeof(octet))
        cr_skip_test("this C library makes random numbers without asking the kernel");
}

/* The worker is told, which tries again after a while. */
Test(lookups_open, says_what_is_missing)
{
    const struct lookups_limits limits = {10, 10, 30};

    cr_expect_null(lookups_open(limits, NULL, deliver));
    lookups_close();
    cr_expect_eq(lookups_open(limits, no_dns, deliver), no_dns);
    lookups_close();
}

Test(lookups_open, says_that_there_are_no_random_numbers)
{
    const struct lookups_limits limits = {10, 10, 30};

    no_random_numbers();
    cr_expect_str_eq(lookups_open(limits, NULL, deliver),
                     "no memory or no random numbers for the table of names");
    cr_expect_eq(lookups_open(limits, no_dns, deliver), no_dns);
    lookups_close();
}
