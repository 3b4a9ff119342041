/*
 * Who is told what of a chain, and when, with ways that the test goes itself (climb.h's functions
 * stand here).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "worker/collect/collect.h"

#include "worker/collect/climb.h"
#include "worker/peers/accounts.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

struct climb {
    char name[300];
    climb_done *done;
    void *arg;
    bool under_way;
};

static struct climb climbs[200];
static size_t begun;
static size_t under_way;
static bool no_memory;

struct climb *climb_begin(const char *name, climb_done *done, void *arg)
{
    struct climb *c = &climbs[begun];

    if (no_memory)
        return NULL;
    cr_assert(begun++ < 200);
    *c = (struct climb){.done = done, .arg = arg, .under_way = true};
    (void)snprintf(c->name, sizeof(c->name), "%s", name);
    under_way++;
    return c;
}

void climb_cancel(struct climb *climb)
{
    cr_expect(climb->under_way);
    climb->under_way = false;
    under_way--;
}

static void end(size_t which, enum dance_wire_status status, uint32_t ttl)
{
    static const uint8_t chain[] = {0, 0, 1, 2, 3};
    struct dance_wire_collected collected = {.status = status,
                                             .ttl = ttl,
                                             .reason = status == DANCE_WIRE_SECURE ? "" : "why",
                                             .reason_len = status == DANCE_WIRE_SECURE ? 0 : 3,
                                             .chain = chain,
                                             .chain_len = status == DANCE_WIRE_SECURE ? 5 : 0};

    cr_assert(climbs[which].under_way);
    climbs[which].under_way = false;
    under_way--;
    climbs[which].done(climbs[which].arg, &collected);
}

static struct dance_wire_collected said;
static char reason[300];
static int times;
static struct lookups_asker *leaves; /* when it is told something */

static void deliver(struct lookups_asker *asker, const struct dance_wire_collected *collected)
{
    said = *collected;
    (void)snprintf(reason, sizeof(reason), "%.*s", (int)said.reason_len, said.reason);
    cr_expect(said.chain_len == 0 || said.chain[4] == 3);
    times++;
    if (asker == leaves)
        collect_forget(asker);
}

static struct lookups_asker one, other;

static void ask(struct lookups_asker *asker, const char *name, uint32_t id, long long now_ms)
{
    struct dance_wire_query query = {
        .id = id, .timeout_ms = 3000, .name = name, .name_len = strlen(name)};

    collect_ask(asker, &query, now_ms);
}

static void open(void)
{
    collect_open(NULL, deliver);
}

TestSuite(collect, .init = open, .fini = collect_close);

Test(collect, one_collection_for_all)
{
    ask(&one, "X.example", 1, 0);
    ask(&other, "x.Example", 2, 0);
    cr_expect_eq(begun, 1);
    cr_expect_str_eq(climbs[0].name, "x.example.");
    cr_expect_eq(times, 0);
    end(0, DANCE_WIRE_SECURE, 100);
    cr_expect_eq(times, 2);
    cr_expect_eq(said.status, DANCE_WIRE_SECURE);
    cr_expect_eq(said.chain_len, 5);
    /* and whoever comes later */
    ask(&one, "x.example", 3, 1);
    cr_expect_eq(times, 3);
    cr_expect_eq(said.id, 3);
    cr_expect(said.ttl >= 98 && said.ttl <= 100, "%u", said.ttl);
    cr_expect_eq(begun, 1);
    cr_expect_eq(collect_asked(), 3);
    cr_expect_eq(collect_wait_ms(1), -1);
}

Test(collect, again_after_its_time)
{
    ask(&one, "x.example", 1, 0);
    end(0, DANCE_WIRE_SECURE, 0);
    cr_expect_eq(times, 1);
    ask(&one, "x.example", 2, 0);
    cr_expect_eq(begun, 2);
    /* a failure takes the place of the chain */
    end(1, DANCE_WIRE_BOGUS, 100);
    cr_expect_eq(said.status, DANCE_WIRE_BOGUS);
    ask(&one, "x.example", 3, 0);
    cr_expect_eq(times, 3);
    cr_expect_eq(said.status, DANCE_WIRE_BOGUS);
    cr_expect_eq(said.chain_len, 0);
    cr_expect_str_eq(reason, "why");
    cr_expect_eq(begun, 2);
}

Test(collect, a_deadline)
{
    ask(&one, "x.example", 1, 1000);
    ask(&other, "x.example", 2, 2000);
    cr_expect_eq(collect_wait_ms(1000), 3000);
    collect_expire(3999);
    cr_expect_eq(times, 0);
    collect_expire(4000);
    cr_expect_eq(times, 1);
    cr_expect_eq(said.id, 1);
    cr_expect_eq(said.status, DANCE_WIRE_FAILED);
    cr_expect_str_eq(reason, "the chain was not collected within 3000 ms");
    cr_expect_eq(said.ttl, 0);
    /* It goes on for others. */
    end(0, DANCE_WIRE_SECURE, 100);
    cr_expect_eq(times, 2);
    cr_expect_eq(said.id, 2);
}

Test(collect, given_up)
{
    ask(&one, "x.example", 1, 0);
    collect_expire(3000);
    cr_expect_eq(times, 1);
    cr_expect_eq(collect_wait_ms(3000), COLLECT_LIFETIME_MS - 3000);
    collect_expire(COLLECT_LIFETIME_MS);
    cr_expect_eq(under_way, 0);
    cr_expect_eq(collect_wait_ms(COLLECT_LIFETIME_MS), -1);
    ask(&one, "x.example", 2, COLLECT_LIFETIME_MS);
    cr_expect_eq(begun, 2);
}

Test(collect, who_has_gone_is_told_nothing)
{
    ask(&one, "x.example", 1, 0);
    ask(&one, "y.example", 2, 0);
    ask(&other, "x.example", 3, 0);
    collect_forget(&one);
    end(0, DANCE_WIRE_SECURE, 100);
    end(1, DANCE_WIRE_SECURE, 100);
    cr_expect_eq(times, 1);
    cr_expect_eq(said.id, 3);
    /* and who goes when he is told */
    leaves = &one;
    ask(&one, "z.example", 4, 0);
    ask(&one, "z.example", 5, 0);
    ask(&other, "z.example", 6, 0);
    end(2, DANCE_WIRE_SECURE, 100);
    cr_expect_eq(times, 3);
}

Test(collect, bounds)
{
    char name[32];

    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof(name), "x%d.example", i);
        ask(&one, name, (uint32_t)i, 0);
    }
    cr_expect_eq(under_way, COLLECT_FLIGHT_MAX);
    cr_expect_eq(times, 4);
    cr_expect_eq(said.status, DANCE_WIRE_BUSY);
    cr_expect_eq(said.ttl, 0);
    for (size_t i = 0; i < COLLECT_FLIGHT_MAX; i++)
        end(i, DANCE_WIRE_SECURE, 100);
    /* What was used last stays. */
    for (int i = 20; i < 100; i++) {
        (void)snprintf(name, sizeof(name), "x%d.example", i);
        ask(&one, name, (uint32_t)i, 0);
        end(begun - 1, DANCE_WIRE_SECURE, 100);
        ask(&one, "x0.example", 0, 0);
    }
    cr_expect_eq(begun, 16 + 80);
    ask(&one, "x1.example", 1, 0);
    cr_expect_eq(begun, 16 + 81);
    end(begun - 1, DANCE_WIRE_SECURE, 100);
    ask(&one, "x99.example", 1, 0);
    cr_expect_eq(begun, 16 + 81);
}

/* A process has a part of what there may be under way. */
Test(collect, bounds_of_a_process)
{
    struct account *account = account_join(1);
    char name[32];

    one.account = account;
    for (int i = 0; i < 6; i++) {
        (void)snprintf(name, sizeof(name), "x%d.example", i);
        ask(&one, name, (uint32_t)i, 0);
    }
    cr_expect_eq(under_way, COLLECT_PROCESS_MAX);
    cr_expect_eq(times, 2);
    cr_expect_eq(said.status, DANCE_WIRE_BUSY);
    cr_expect_str_eq(reason, "too many chains of this process are being collected");
    /* what is under way is nobody's alone */
    ask(&one, "x0.example", 10, 0);
    cr_expect_eq(times, 2);
    ask(&other, "x5.example", 11, 0);
    cr_expect_eq(under_way, COLLECT_PROCESS_MAX + 1);
    cr_expect_eq(account->lookups, COLLECT_PROCESS_MAX);
    end(0, DANCE_WIRE_SECURE, 100);
    cr_expect_eq(account->lookups, COLLECT_PROCESS_MAX - 1);
    ask(&one, "x6.example", 12, 0);
    cr_expect_eq(under_way, COLLECT_PROCESS_MAX + 1);
    /* it is charged until they have ended, whoever has gone */
    collect_forget(&one);
    cr_expect_eq(account->lookups, COLLECT_PROCESS_MAX);
    collect_expire(COLLECT_LIFETIME_MS);
    cr_expect_eq(account->lookups, 0);
    account_leave(account);
}

Test(collect, no_memory)
{
    no_memory = true;
    ask(&one, "x.example", 1, 0);
    cr_expect_eq(times, 1);
    cr_expect_eq(said.status, DANCE_WIRE_FAILED);
    cr_expect_str_eq(reason, "out of memory");
    no_memory = false;
    ask(&one, "x.example", 2, 0);
    cr_expect_eq(begun, 1);
}

Test(collect, without_dns)
{
    collect_open("the file is not there", deliver);
    ask(&one, "x.example", 1, 0);
    cr_expect_eq(times, 1);
    cr_expect_eq(said.status, DANCE_WIRE_FAILED);
    cr_expect_str_eq(reason, "the file is not there");
    cr_expect_eq(begun, 0);
}
