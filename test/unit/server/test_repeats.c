/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/repeats.h"

#include <criterion/criterion.h>
#include <pthread.h>

/* How many of times, a step apart, are said; rest: of the last one that is. */
static unsigned said(struct dance_repeats *r, long long *now, unsigned times, long long step,
                     struct dance_repeats_rest *last)
{
    struct dance_repeats_rest rest;
    unsigned count = 0;

    for (; times > 0; times--, *now += step) {
        if (!dance_repeats_happens(r, *now, &rest))
            continue;
        count++;
        if (last != NULL && rest.times > 0)
            *last = rest;
    }
    return count;
}

Test(repeats, ten_within_a_second_and_then_a_number)
{
    struct dance_repeats r = {0};
    struct dance_repeats_rest rest = {0, 0};
    long long now = 123456;

    cr_assert_eq(said(&r, &now, 30, 1, &rest), 10);
    cr_assert_eq(rest.times, 0);
    now += DANCE_REPEATS_COUNT_MS;
    cr_assert_eq(said(&r, &now, 30, 1, &rest), 10);
    cr_assert_eq(rest.times, 20);
    cr_assert_eq(rest.seconds, 10);
}

Test(repeats, ten_a_second_are_said)
{
    struct dance_repeats r = {0};
    long long now = 1;

    cr_assert_eq(said(&r, &now, 1000, 100, NULL), 1000);
    cr_assert_eq(dance_repeats_take(&r, now, true).times, 0);
}

/* However fast they come, for however long: 11 lines in ten seconds, and nothing goes uncounted. */
Test(repeats, a_flood)
{
    struct dance_repeats r = {0};
    long long now = 99;
    unsigned lines = 0;
    unsigned counted = 0;

    for (unsigned i = 0; i < 60000; i++, now++) {
        struct dance_repeats_rest rest;

        lines += dance_repeats_happens(&r, now, &rest);
        counted += rest.times;
    }
    counted += dance_repeats_take(&r, now, true).times;
    cr_assert_leq(lines, 60);
    cr_assert_eq(lines + counted, 60000);
}

Test(repeats, what_was_counted_is_taken_once_and_when_it_is_over)
{
    struct dance_repeats r = {0};
    struct dance_repeats_rest rest;
    long long now = 5;

    (void)said(&r, &now, 15, 0, NULL);
    cr_assert_eq(dance_repeats_take(&r, now + DANCE_REPEATS_COUNT_MS - 1, false).times, 0);
    rest = dance_repeats_take(&r, now + 90000, false);
    cr_assert_eq(rest.times, 5);
    cr_assert_eq(rest.seconds, 10);
    cr_assert_eq(dance_repeats_take(&r, now + 90000, true).times, 0);
    now += 90000;
    cr_assert_eq(said(&r, &now, 15, 0, NULL), 10);
    rest = dance_repeats_take(&r, now + 2100, true);
    cr_assert_eq(rest.times, 5);
    cr_assert_eq(rest.seconds, 3);
}

Test(repeats, nothing_is_forgotten_but_when_it_is_told_to)
{
    struct dance_repeats r = {0};
    long long now = 5;

    (void)said(&r, &now, 15, 0, NULL);
    dance_repeats_forget(&r);
    cr_assert_eq(dance_repeats_take(&r, now, true).times, 0);
    cr_assert_eq(said(&r, &now, 15, 0, NULL), 10);
}

#define THREADS 8
#define EACH 100000u

static struct dance_repeats shared;

static void *one_thread(void *sum)
{
    unsigned *total = sum;

    for (unsigned i = 0; i < EACH; i++) {
        struct dance_repeats_rest rest;

        *total += dance_repeats_happens(&shared, i / 10, &rest);
        *total += rest.times;
    }
    return NULL;
}

Test(repeats, threads_lose_nothing)
{
    pthread_t threads[THREADS];
    unsigned sums[THREADS] = {0};
    unsigned total = 0;

    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, one_thread, &sums[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
        total += sums[i];
    }
    cr_assert_eq(total + dance_repeats_take(&shared, 0, true).times, THREADS * EACH);
}
