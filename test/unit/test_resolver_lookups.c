/*
 * Lookups and who waits for them, with a DNS of the test's own.
 *
 * The functions of dns.h that lookups.c calls stand here; the linker then has
 * no use for dns.c.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "dns.h"
#include "lookups.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define MANY 200

static struct {
    char name[300];
    void *arg;
    ub_callback_type callback;
    bool cancelled;
} started[MANY];
static int count;
static int next_error;

static struct {
    struct lookups_asker *asker;
    uint32_t id;
    enum dance_wire_status status;
    char reason[256];
} delivered[MANY];
static int deliveries;
static struct lookups_asker *dies; /* forgotten while something is delivered to it */

int dns_start(const char *name, void *arg, ub_callback_type callback, int *id)
{
    (void)snprintf(started[count].name, sizeof(started[count].name), "%s", name);
    started[count].arg = arg;
    started[count].callback = callback;
    *id = count;
    if (next_error == 0)
        count++;
    return next_error;
}

void dns_cancel(int id)
{
    started[id].cancelled = true;
}

static void deliver(struct lookups_asker *asker, const struct dance_wire_answer *answer)
{
    delivered[deliveries].asker = asker;
    delivered[deliveries].id = answer->id;
    delivered[deliveries].status = answer->status;
    (void)snprintf(delivered[deliveries].reason, sizeof(delivered[0].reason), "%.*s",
                   (int)answer->reason_len, answer->reason);
    deliveries++;
    if (asker == dies)
        lookups_forget(asker);
}

/* the DNS denies the name of lookup n */
static void answer(int n)
{
    struct ub_result *result = calloc(1, sizeof(*result));

    result->secure = 1;
    result->nxdomain = 1;
    result->rcode = 3;
    started[n].callback(started[n].arg, 0, result);
}

static void ask(struct lookups_asker *asker, uint32_t id, const char *name, uint32_t timeout_ms,
                long long now)
{
    struct dance_wire_query q = {id, timeout_ms, name, strlen(name)};

    lookups_ask(asker, &q, now);
}

static void close_all(void)
{
    lookups_close();
    cr_expect_eq(lookups_wait_ms(0), -1);
}

Test(lookups, one_for_a_name, .fini = close_all)
{
    struct lookups_asker a = {0};
    struct lookups_asker b = {0};

    lookups_open(10, NULL, deliver);
    ask(&a, 1, "Dev.Example.com", 1000, 0);
    ask(&a, 2, "dev.example.COM", 1000, 0);
    ask(&b, 1, "dev.example.com", 1000, 0);
    ask(&b, 2, "other.example.com", 1000, 0);
    cr_assert_eq(count, 2);
    cr_assert_str_eq(started[0].name, "dev.example.com.");
    cr_assert_eq(lookups_counters()->joined, 2);
    answer(0);
    cr_assert_eq(deliveries, 3);
    cr_assert_eq(delivered[0].status, DANCE_WIRE_ABSENT);
    answer(1);
    cr_assert_eq(deliveries, 4);
    cr_assert_eq(delivered[3].asker, &b);
    cr_assert_eq(delivered[3].id, 2);
    /* it is over: asked anew, looked up anew */
    ask(&a, 3, "dev.example.com", 1000, 0);
    cr_assert_eq(count, 3);
}

Test(lookups, deadlines, .fini = close_all)
{
    struct lookups_asker a = {0};

    lookups_open(10, NULL, deliver);
    ask(&a, 1, "x.example.com", 500, 1000);
    ask(&a, 2, "x.example.com", 200, 1000);
    cr_assert_eq(lookups_wait_ms(1000), 200);
    lookups_expire(1199);
    cr_assert_eq(deliveries, 0);
    lookups_expire(1200);
    cr_assert_eq(deliveries, 1);
    cr_assert_eq(delivered[0].id, 2);
    cr_assert_eq(delivered[0].status, DANCE_WIRE_FAILED);
    cr_assert_str_eq(delivered[0].reason, "no answer from the DNS within 200 ms");
    cr_assert_eq(lookups_wait_ms(1600), 0);
    lookups_expire(1600);
    cr_assert_eq(deliveries, 2);
    /* the lookup goes on, and serves who asks now */
    ask(&a, 3, "x.example.com", 500, 1700);
    cr_assert_eq(count, 1);
    answer(0);
    cr_assert_eq(deliveries, 3);
    cr_assert_eq(delivered[2].status, DANCE_WIRE_ABSENT);
}

Test(lookups, given_up, .fini = close_all)
{
    struct lookups_asker a = {0};

    lookups_open(1, NULL, deliver);
    ask(&a, 1, "x.example.com", 100, 0);
    lookups_expire(100);
    cr_assert_eq(lookups_wait_ms(100), LOOKUPS_LIFETIME_MS - 100);
    ask(&a, 2, "x.example.com", 60000, LOOKUPS_LIFETIME_MS - 1);
    lookups_expire(LOOKUPS_LIFETIME_MS);
    cr_assert(started[0].cancelled);
    cr_assert_eq(deliveries, 2);
    cr_assert_str_eq(delivered[1].reason, "the DNS has not answered for a minute");
    /* its place is free again */
    ask(&a, 3, "y.example.com", 100, LOOKUPS_LIFETIME_MS);
    cr_assert_eq(count, 2);
}

Test(lookups, too_many, .fini = close_all)
{
    struct lookups_asker a = {0};

    lookups_open(2, NULL, deliver);
    ask(&a, 1, "x.example.com", 100, 0);
    ask(&a, 2, "y.example.com", 100, 0);
    ask(&a, 3, "x.example.com", 100, 0);
    cr_assert_eq(deliveries, 0);
    ask(&a, 4, "z.example.com", 100, 0);
    cr_assert_eq(deliveries, 1);
    cr_assert_eq(delivered[0].id, 4);
    cr_assert_eq(delivered[0].status, DANCE_WIRE_BUSY);
    cr_assert_eq(lookups_counters()->busy, 1);
}

Test(lookups, forgotten, .fini = close_all)
{
    struct lookups_asker a = {0};
    struct lookups_asker b = {0};

    lookups_open(10, NULL, deliver);
    ask(&a, 1, "x.example.com", 100, 0);
    ask(&b, 1, "x.example.com", 100, 0);
    ask(&a, 2, "y.example.com", 100, 0);
    lookups_forget(&a);
    answer(0);
    answer(1);
    lookups_expire(200);
    cr_assert_eq(deliveries, 1);
    cr_assert_eq(delivered[0].asker, &b);
}

Test(lookups, asker_ends_while_delivered_to, .fini = close_all)
{
    struct lookups_asker a = {0};
    struct lookups_asker b = {0};

    lookups_open(10, NULL, deliver);
    dies = &a;
    for (uint32_t i = 0; i < 5; i++) {
        ask(&a, i, "x.example.com", 100, 0);
        ask(&b, i, "x.example.com", 100, 0);
        ask(&a, i, "y.example.com", 100, 0);
    }
    answer(0);
    cr_assert_eq(deliveries, 6, "five for b, one for a");
    ask(&a, 9, "z.example.com", 100, 0);
    ask(&a, 9, "z.example.com", 100, 0);
    lookups_expire(100);
    cr_assert_eq(deliveries, 7);
}

Test(lookups, unavailable, .fini = close_all)
{
    struct lookups_asker a = {0};

    lookups_open(10, "/nonexistent: No such file", deliver);
    ask(&a, 1, "x.example.com", 100, 0);
    cr_assert_eq(count, 0);
    cr_assert_eq(delivered[0].status, DANCE_WIRE_FAILED);
    cr_assert_str_eq(delivered[0].reason, "/nonexistent: No such file");
}

Test(lookups, refused_by_libunbound, .fini = close_all)
{
    struct lookups_asker a = {0};

    lookups_open(10, NULL, deliver);
    next_error = UB_NOMEM;
    ask(&a, 1, "x.example.com", 100, 0);
    cr_assert_eq(delivered[0].status, DANCE_WIRE_FAILED);
    cr_assert_str_eq(delivered[0].reason, "out of memory");
    cr_assert_eq(lookups_wait_ms(0), -1);
}
