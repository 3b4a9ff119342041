/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "dance_wire_status.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static uint8_t buf[DANCE_WIRE_STATUS_OF_USER_MAX + 1];

/* From a copy of its own size, so that a sanitizer sees a step beyond it. */
static int decodes_counts(const uint8_t *from, size_t len, struct dance_wire_counts *counts)
{
    uint8_t *copy = malloc(len + 1);
    int ok;

    memcpy(copy, from, len);
    ok = dance_wire_decode_counts(copy, len, counts);
    free(copy);
    return ok;
}

static int decodes_user(const uint8_t *from, size_t len, struct dance_wire_status_of_user *user)
{
    uint8_t *copy = malloc(len + 1);
    int ok;

    memcpy(copy, from, len);
    ok = dance_wire_decode_status_of_user(copy, len, user);
    free(copy);
    return ok;
}

Test(wire_status, counts)
{
    static const struct dance_wire_counts some = {
        3,
        {{DANCE_CLIENT_ACCEPTED, 0, 7},
         {DANCE_CLIENT_REFUSED, DANCE_COUNTED_REASONS - 1, UINT32_MAX},
         {DANCE_LINE_LOST, 0, 1}}};
    struct dance_wire_counts read;
    size_t len = dance_wire_encode_counts(&some, buf, sizeof(buf));

    cr_assert_eq(len, DANCE_WIRE_HEADER + 1 + 3 * 6);
    cr_assert(decodes_counts(buf, len, &read));
    cr_assert_eq(read.count, 3);
    for (size_t i = 0; i < 3; i++)
        cr_assert(read.of[i].outcome == some.of[i].outcome && read.of[i].reason == some.of[i].reason
                  && read.of[i].times == some.of[i].times);
    for (size_t i = 0; i < len; i++)
        cr_assert_not(decodes_counts(buf, i, &read), "%zu", i);
    cr_assert_not(decodes_counts(buf, len + 1, &read));
    cr_assert_eq(dance_wire_encode_counts(&some, buf, len - 1), 0);
}

Test(wire_status, counts_that_there_cannot_be)
{
    static const struct dance_wire_count bad[] = {
        {DANCE_OUTCOMES, 0, 1},
        {255, 0, 1},
        {DANCE_CLIENT_ACCEPTED, 1, 1},
        {DANCE_LINE_LOST, 1, 1},
        {DANCE_CLIENT_REFUSED, DANCE_COUNTED_REASONS, 1},
        {DANCE_CLIENT_FORGIVEN, 255, 1},
        {DANCE_CLIENT_REFUSED, 1, 0},
    };
    struct dance_wire_counts one = {1, {{DANCE_CLIENT_REFUSED, 1, 1}}};
    struct dance_wire_counts read;
    size_t len = dance_wire_encode_counts(&one, buf, sizeof(buf));

    cr_assert(decodes_counts(buf, len, &read));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        one.of[0] = bad[i];
        len = dance_wire_encode_counts(&one, buf, sizeof(buf));
        cr_assert_not(decodes_counts(buf, len, &read), "%zu", i);
    }
    one.count = 0;
    cr_assert_eq(dance_wire_encode_counts(&one, buf, sizeof(buf)), 0);
    one.count = DANCE_WIRE_COUNTS_MAX + 1;
    cr_assert_eq(dance_wire_encode_counts(&one, buf, sizeof(buf)), 0);
    buf[DANCE_WIRE_HEADER] = 0;
    cr_assert_not(decodes_counts(buf, DANCE_WIRE_HEADER + 1, &read));
    buf[DANCE_WIRE_HEADER] = 255;
    cr_assert_not(decodes_counts(buf, DANCE_WIRE_HEADER + 1 + 255 * 6, &read));
}

Test(wire_status, head)
{
    struct dance_wire_status_head head = {"0.2.0", 1, 2, 3, 70, 64};
    struct dance_wire_status_head read;
    size_t len = dance_wire_encode_status(&head, buf, sizeof(buf));

    cr_assert(dance_wire_decode_status(buf, len, &read));
    cr_assert_str_eq(read.version, "0.2.0");
    cr_assert(read.seconds == 1 && read.workers == 2 && read.channels == 3 && read.users == 70
              && read.follow == 64);
    for (size_t i = 0; i < len; i++)
        cr_assert_not(dance_wire_decode_status(buf, i, &read));
    /* As many as it likes would be waited for, and memory taken. */
    head.users = head.follow = DANCE_WIRE_STATUS_USERS_MAX + 1;
    len = dance_wire_encode_status(&head, buf, sizeof(buf));
    cr_assert_not(dance_wire_decode_status(buf, len, &read));
    head.users = 1;
    head.follow = 2;
    len = dance_wire_encode_status(&head, buf, sizeof(buf));
    cr_assert_not(dance_wire_decode_status(buf, len, &read));
}

static struct dance_wire_status_of_user full(void)
{
    struct dance_wire_status_of_user u = {
        .uid = 4000000000u, .state = DANCE_WORKER_BROKEN, .seconds = 5, .fault = "a\tb"};

    for (size_t i = 0; i < DANCE_FIGURES; i++)
        u.figure[i] = UINT64_MAX - i;
    for (unsigned o = 0; o < DANCE_OUTCOMES; o++) {
        for (unsigned r = 0; r < DANCE_COUNTED_REASONS; r++)
            u.clients[o][r] = dance_count_is_one(o, r) ? ((uint64_t)o << 40) + r + 1 : 0;
    }
    return u;
}

Test(wire_status, user)
{
    struct dance_wire_status_of_user u = full();
    struct dance_wire_status_of_user read;
    size_t len = dance_wire_encode_status_of_user(&u, buf, sizeof(buf));

    cr_assert(len > 0 && len <= DANCE_WIRE_STATUS_OF_USER_MAX);
    cr_assert(decodes_user(buf, len, &read));
    cr_assert_str_eq(read.fault, "a?b");
    memcpy(read.fault, u.fault, sizeof(u.fault));
    cr_assert_eq(memcmp(&read, &u, sizeof(u)), 0);
    for (size_t i = 0; i < len; i++)
        cr_assert_not(decodes_user(buf, i, &read), "%zu", i);
    cr_assert_not(decodes_user(buf, len + 1, &read));
    buf[DANCE_WIRE_HEADER + 4] = DANCE_WORKER_STATES;
    cr_assert_not(decodes_user(buf, len, &read));
}

/* The resolver may be older, or younger, than who reads. */
Test(wire_status, other_figures)
{
    struct dance_wire_status_of_user u = {.uid = 1};
    struct dance_wire_status_of_user read;
    const size_t at = DANCE_WIRE_HEADER + 4 + 1 + 4 + 1;
    size_t len;

    u.figure[0] = 8;
    u.figure[DANCE_FIGURES - 1] = 9;
    len = dance_wire_encode_status_of_user(&u, buf, sizeof(buf));
    cr_assert_eq(buf[at], DANCE_FIGURES);
    /* One more. */
    memmove(buf + at + 1 + 8 * (DANCE_FIGURES + 1), buf + at + 1 + 8 * DANCE_FIGURES, 1);
    memset(buf + at + 1 + 8 * DANCE_FIGURES, 0xff, 8);
    buf[at]++;
    cr_assert(decodes_user(buf, len + 8, &read));
    cr_assert(read.figure[0] == 8 && read.figure[DANCE_FIGURES - 1] == 9);
    /* One alone. */
    buf[at] = 1;
    buf[at + 1 + 8] = 0;
    cr_assert(decodes_user(buf, at + 1 + 8 + 1, &read));
    cr_assert(read.figure[0] == 8 && read.figure[DANCE_FIGURES - 1] == 0);
    buf[at] = DANCE_FIGURES_MAX + 1;
    memset(buf + at + 1, 0, sizeof(buf) - at - 1);
    cr_assert_not(decodes_user(buf, at + 1 + 8 * (DANCE_FIGURES_MAX + 1) + 1, &read));
}
