/*
 * Lookups and who waits for them, with a DNS of the test's own.
 *
 * The functions of dns.h that lookups.c calls stand here; the linker then has
 * no use for dns.c.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "cache.h"
#include "worker/dns/dns.h"
#include "worker/lookups/domains.h"
#include "worker/lookups/lookups.h"
#include "worker/lookups/wanted.h"
#include "worker/peers/accounts.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MANY 2000

static struct {
    char name[300];
    void *arg;
    ub_callback_type callback;
    bool cancelled;
    int context;
} started[MANY];
static int count;
static int next_error;

static struct {
    struct lookups_asker *asker;
    uint32_t id;
    enum dance_wire_status status;
    uint32_t ttl;
    char reason[256];
} delivered[MANY];
static int deliveries;
static struct lookups_asker *dies; /* forgotten while something is delivered to it */

int dns_start(int context, const char *name, int type, void *arg, ub_callback_type callback,
              int *id)
{
    /* Nobody says why an answer is insecure. */
    if (type != DNS_TYPE_TLSA)
        return UB_NOMEM;
    started[count].context = context;
    (void)snprintf(started[count].name, sizeof(started[count].name), "%s", name);
    started[count].arg = arg;
    started[count].callback = callback;
    *id = count;
    if (next_error == 0)
        count++;
    return next_error;
}

void dns_cancel(int context, int id)
{
    cr_expect_eq(context, started[id].context);
    started[id].cancelled = true;
}

int dns_process(int context)
{
    (void)context;
    return 1;
}

static void deliver(struct lookups_asker *asker, const struct dance_wire_answer *answer)
{
    delivered[deliveries].asker = asker;
    delivered[deliveries].id = answer->id;
    delivered[deliveries].status = answer->status;
    delivered[deliveries].ttl = answer->ttl;
    (void)snprintf(delivered[deliveries].reason, sizeof(delivered[0].reason), "%.*s",
                   (int)answer->reason_len, answer->reason);
    deliveries++;
    if (asker == dies)
        lookups_forget(asker);
}

/* Until less than whole seconds are left of what was found now. */
static void let_a_moment_pass(void)
{
    struct dance_moment begin = dance_moment_now();

    while (dance_moment_now().boot < begin.boot + 2)
        continue;
}

/* The answer in result was signed, until so many seconds from now. */
static void sign(struct ub_result *result, long seconds)
{
    /* what libunbound read: the signature of the record */
    uint8_t message[] = {0,    0,  0x81, 0xa0, 0, 1, 0,    1,    0,    0,    0, 0,  1,
                         'x',  0,  0,    52,   0, 1, /* the question */
                         0xc0, 12, 0,    46,   0, 1, 0,    0,    0x0e, 0x10, 0, 23, /* an RRSIG
                                                                                       record */
                         0,    52, 13,   1,    0, 1, 0x51, 0x80, 0,    0,    0, 0,  0,
                         0,    0,  0,    0,    1, 0, 0,    0,    0,    0};
    time_t expiration = time(NULL) + seconds;

    for (int i = 0; i < 4; i++)
        message[12 + 7 + 12 + 8 + i] = (uint8_t)(expiration >> (24 - 8 * i));
    result->answer_packet = malloc(sizeof(message));
    memcpy(result->answer_packet, message, sizeof(message));
    result->answer_len = sizeof(message);
}

/* the DNS denies the name of lookup n: secure, insecure or bogus */
static void deny(int n, int secure, int bogus, int ttl)
{
    struct ub_result *result = calloc(1, sizeof(*result));

    result->secure = secure;
    result->bogus = bogus;
    result->nxdomain = 1;
    result->rcode = 3;
    result->ttl = ttl;
    sign(result, 1000000);
    started[n].callback(started[n].arg, 0, result);
}

static void answer_absent(int n, int ttl)
{
    deny(n, 1, 0, ttl);
}

static void answer(int n)
{
    deny(n, 1, 0, 0);
}

static void answer_insecure(int n, int ttl)
{
    deny(n, 0, 0, ttl);
}

static void answer_bogus(int n)
{
    deny(n, 0, 1, 0);
}

/* the DNS has a TLSA record of this TTL for the name of lookup n, signed for so many seconds */
static void answer_signed(int n, uint32_t ttl, long seconds)
{
    static const uint8_t rdata[35] = {3, 1, 1};
    struct ub_result *result = calloc(1, sizeof(*result));

    result->secure = 1;
    result->havedata = 1;
    result->ttl = (int)ttl;
    result->data = calloc(2, sizeof(*result->data));
    result->len = calloc(2, sizeof(*result->len));
    result->data[0] = malloc(sizeof(rdata));
    memcpy(result->data[0], rdata, sizeof(rdata));
    result->len[0] = sizeof(rdata);
    sign(result, seconds);
    started[n].callback(started[n].arg, 0, result);
}

static void answer_secure(int n, uint32_t ttl)
{
    answer_signed(n, ttl, 1000000);
}

/* the DNS answers SERVFAIL */
static void answer_failed(int n)
{
    struct ub_result *result = calloc(1, sizeof(*result));

    result->rcode = 2;
    started[n].callback(started[n].arg, 0, result);
}

static void ask(struct lookups_asker *asker, uint32_t id, const char *name, uint32_t timeout_ms,
                long long now)
{
    struct dance_wire_query q = {id, timeout_ms, name, strlen(name)};

    lookups_ask(asker, &q, now);
}

/* what is kept, where a chain is there as well */
static bool known(struct lookups_asker *asker, const char *name, bool denials_only)
{
    struct dance_wire_query q = {77, 500, name, strlen(name)};

    return lookups_answer_known(asker, &q, denials_only, 0);
}

static void open_for(unsigned lookups, const char *unavailable)
{
    lookups_open((struct lookups_limits){lookups, 1000, 30}, unavailable, deliver);
}

/* When a test is over: so whoever asks is static, and not on the stack of what has returned. */
static void close_all(void)
{
    lookups_close();
    cr_expect_eq(lookups_wait_ms(0), -1);
}

Test(lookups, one_for_a_name, .fini = close_all)
{
    static struct lookups_asker a;
    static struct lookups_asker b;

    open_for(10, NULL);
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
    static struct lookups_asker a;

    open_for(10, NULL);
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
    /* the lookup goes on, and serves who asks now and would wait as long */
    ask(&a, 3, "x.example.com", 1500, 1700);
    cr_assert_eq(count, 1);
    cr_assert_eq(lookups_wait_ms(1700), 800, "until the lookup is as old as that");
    /* who would not is told at once: an event loop may ask again and again */
    ask(&a, 4, "x.example.com", 700, 1700);
    cr_assert_eq(deliveries, 3);
    cr_assert_eq(delivered[2].id, 4);
    cr_assert_eq(delivered[2].status, DANCE_WIRE_FAILED);
    cr_assert_str_eq(delivered[2].reason, "no answer from the DNS for 700 ms");
    cr_assert_eq(lookups_counters()->silent, 1);
    answer(0);
    cr_assert_eq(deliveries, 4);
    cr_assert_eq(delivered[3].id, 3);
    cr_assert_eq(delivered[3].status, DANCE_WIRE_ABSENT);
}

Test(lookups, given_up, .fini = close_all)
{
    static struct lookups_asker a;

    open_for(1, NULL);
    ask(&a, 1, "x.example.com", 100, 0);
    lookups_expire(100);
    cr_assert_eq(lookups_wait_ms(100), LOOKUPS_LIFETIME_MS - 100);
    ask(&a, 2, "x.example.com", 60000, LOOKUPS_LIFETIME_MS - 1);
    lookups_expire(LOOKUPS_LIFETIME_MS);
    cr_assert(started[0].cancelled);
    cr_assert_eq(deliveries, 2);
    cr_assert_str_eq(delivered[1].reason, "no answer from the DNS within 60000 ms");
    /* its place is free again */
    ask(&a, 3, "y.example.com", 100, LOOKUPS_LIFETIME_MS);
    cr_assert_eq(count, 2);
}

Test(lookups, too_many, .fini = close_all)
{
    static struct lookups_asker a;

    open_for(2, NULL);
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
    static struct lookups_asker a;
    static struct lookups_asker b;

    open_for(10, NULL);
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
    static struct lookups_asker a;
    static struct lookups_asker b;

    open_for(10, NULL);
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
    static struct lookups_asker a;

    open_for(10, "/nonexistent: No such file");
    ask(&a, 1, "x.example.com", 100, 0);
    cr_assert_eq(count, 0);
    cr_assert_eq(delivered[0].status, DANCE_WIRE_FAILED);
    cr_assert_str_eq(delivered[0].reason, "/nonexistent: No such file");
}

Test(lookups, refused_by_libunbound, .fini = close_all)
{
    static struct lookups_asker a;

    open_for(10, NULL);
    next_error = UB_NOMEM;
    ask(&a, 1, "x.example.com", 100, 0);
    cr_assert_eq(delivered[0].status, DANCE_WIRE_FAILED);
    cr_assert_str_eq(delivered[0].reason, "out of memory");
    cr_assert_eq(lookups_wait_ms(0), -1);
}

Test(lookups, what_was_found_is_kept, .fini = close_all)
{
    static struct lookups_asker a;

    open_for(10, NULL);
    ask(&a, 1, "x.example.com", 500, 0);
    answer_secure(0, 3600);
    cr_assert_eq(delivered[0].status, DANCE_WIRE_SECURE);
    ask(&a, 2, "X.example.com", 500, 0);
    cr_assert_eq(count, 1, "no second lookup");
    cr_assert_eq(deliveries, 2);
    cr_assert_eq(delivered[1].id, 2);
    cr_assert_eq(delivered[1].status, DANCE_WIRE_SECURE);
    cr_assert_eq(lookups_counters()->hits, 1);
    cr_assert_eq(names_kept(), 1);
    /* a failure too, for a moment */
    ask(&a, 3, "y.example.com", 500, 0);
    answer_failed(1);
    ask(&a, 4, "y.example.com", 500, 0);
    cr_assert_eq(count, 2);
    cr_assert_eq(delivered[3].status, DANCE_WIRE_FAILED);
    /* TTL 0 never */
    ask(&a, 5, "z.example.com", 500, 0);
    answer_secure(2, 0);
    ask(&a, 6, "z.example.com", 500, 0);
    cr_assert_eq(count, 4);
}

Test(lookups, popular_names_are_renewed_in_the_other_context, .fini = close_all)
{
    static struct lookups_asker a;

    open_for(80, NULL);
    ask(&a, 1, "x.example.com", 500, 0);
    ask(&a, 2, "once.example.com", 500, 0);
    ask(&a, 3, "wanted.example.com", 500, 0);
    for (int i = 0; i < (int)DOMAINS_NEW; i++)
        cr_assert_eq(started[i].context, DNS_FOR_NEW, "nothing is known of the domain");
    for (int i = 0; i < 3; i++)
        answer_secure(i, 1000);
    ask(&a, 4, "x.example.com", 500, 5000);
    lookups_want("Wanted.example.com", 18, 5000);
    lookups_expire(899999);
    cr_assert_eq(count, 3);
    cr_assert_eq(lookups_wait_ms(899999), 1);
    lookups_expire(900000);
    cr_assert_eq(count, 5, "a tenth before the end: who was asked for again, and nobody else");
    cr_assert_eq(started[3].context, DNS_FOR_KNOWN, "where it is not known");
    cr_assert_eq(started[4].context, DNS_FOR_KNOWN);
    cr_assert_eq(lookups_counters()->renewed, 2);
    /* while it is renewed the old answer serves */
    ask(&a, 5, "x.example.com", 500, 900001);
    cr_assert_eq(deliveries, 5);
    cr_assert_eq(delivered[4].status, DANCE_WIRE_SECURE);
    for (int i = 3; i < 5; i++)
        answer_secure(i, 1000);
    /* and back again, for the one that was asked for since */
    ask(&a, 6, "x.example.com", 500, 900002);
    lookups_expire(1800001);
    cr_assert_eq(count, 6);
    cr_assert_str_eq(started[5].name, "x.example.com.");
    cr_assert_leq(started[5].context, DNS_FOR_STRANGERS + 1);
    /* a name that turns popular at the last moment is renewed at that moment */
    lookups_want("wanted.example.com", 18, 1800002);
    lookups_expire(1800003);
    cr_assert_eq(count, 7);
}

Test(lookups, a_renewal_that_fails_harms_nobody, .fini = close_all)
{
    static struct lookups_asker a;

    open_for(10, NULL);
    ask(&a, 1, "x.example.com", 500, 0);
    answer_secure(0, 1000);
    ask(&a, 2, "x.example.com", 500, 0);
    lookups_expire(900000);
    cr_assert_eq(count, 2);
    answer_failed(1);
    ask(&a, 3, "x.example.com", 500, 900000);
    cr_assert_eq(delivered[2].status, DANCE_WIRE_SECURE, "good until its end");
    lookups_expire(930000);
    cr_assert_eq(count, 3, "tried again");
    /* a denial is the DNS's word at once */
    answer(2);
    ask(&a, 4, "x.example.com", 500, 930001);
    cr_assert_eq(count, 4);
}

Test(lookups, held_names_are_looked_up_ahead, .fini = close_all)
{
    static struct lookups_asker a;
    struct name *held[40];
    char name[40];

    open_for(160, NULL);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof(name), "n%d.e%d.org", i, i % 4);
        held[i] = wanted_hold(name, strlen(name), 0);
    }
    cr_assert_eq(wanted_held(), 40);
    lookups_expire(0);
    cr_assert_eq(count, 4 * DOMAINS_NEW / 2, "half of what each of the domains may have");
    cr_assert_eq(lookups_wait_ms(0), LOOKUPS_LIFETIME_MS, "without room a result comes first");
    for (int i = 0; i < 40; i++) {
        if (i % 2 == 0)
            answer_secure(i, 1000);
        else
            answer(i);
        lookups_expire(0);
    }
    cr_assert_eq(count, 40);
    ask(&a, 1, "n38.e2.org", 500, 1);
    cr_assert_eq(deliveries, 1, "at once");
    cr_assert_eq(count, 40);
    /* again and again, nobody need ask; those that have no records, too */
    for (int i = 0; i < 40; i += 2)
        wanted_release(held[i], 2);
    lookups_expire(30000);
    cr_assert_eq(count, 50);
    for (int i = 1; i < 40; i += 2)
        wanted_release(held[i], 30000);
    cr_assert_eq(wanted_held(), 0);
    cr_assert_eq(wanted_count(), 20, "those whose records are still good");
    lookups_expire(2000000);
    cr_assert_eq(wanted_count(), 0);
}

Test(lookups, shares, .fini = close_all)
{
    static struct lookups_asker a, b;
    char name[40];

    a.account = account_join(1);
    b.account = account_join(2);
    lookups_open((struct lookups_limits){80, 50, 30}, NULL, deliver);
    ask(&a, 0, "good.slow.example.com", 500, 0);
    answer_secure(0, 6);
    cr_assert_eq(a.account->lookups, 0);
    /* one domain, whatever is in front of it, gets a quarter */
    for (uint32_t i = 0; i < 30; i++) {
        (void)snprintf(name, sizeof(name), "n%u.x%u.slow.example.com", i, i);
        ask(&a, i, name, 500, 0);
    }
    cr_assert_eq(count, 1 + DOMAINS_BEGIN);
    cr_assert_eq(lookups_in_flight(), 20, "the others wait in line");
    cr_assert_eq(lookups_counters()->busy_domain, 10);
    cr_assert_eq(delivered[deliveries - 1].status, DANCE_WIRE_BUSY);
    cr_assert_str_eq(delivered[deliveries - 1].reason,
                     "too many lookups in this domain are in flight");
    /* another domain, not far away, has its own */
    ask(&a, 50, "n.example.net", 500, 0);
    cr_assert_eq(count, 2 + DOMAINS_BEGIN);
    /* one process gets what it may have, also when nobody waits any more */
    for (uint32_t i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof(name), "n.d%u.org", i);
        ask(&a, i, name, 500, 0);
    }
    cr_assert_eq(lookups_in_flight(), 44, "an eighth of its 50 is for names that are known");
    cr_assert_eq(lookups_counters()->busy_client, 17);
    lookups_forget(&a);
    cr_assert_eq(a.account->lookups, 40, "but those that had not begun");
    /* strangers leave an eighth for names that are known */
    for (uint32_t i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof(name), "n.e%u.org", i);
        ask(&b, i, name, 500, 0);
    }
    cr_assert_eq(lookups_in_flight(), 70);
    cr_assert_eq(lookups_counters()->busy, 10);
    cr_assert_str_eq(delivered[deliveries - 1].reason, "too many lookups are in flight");
    account_leave(a.account);
    account_leave(b.account);
}

Test(lookups, a_domain_leaves_something_of_a_process, .fini = close_all)
{
    static struct lookups_asker a;
    struct dance_moment begin;
    char name[40];

    a.account = account_join(1);
    /* a quarter of all is all that a process may have */
    lookups_open((struct lookups_limits){400, 100, 30}, NULL, deliver);
    ask(&a, 0, "good.example.com", 500, 0);
    answer_secure(0, 1);
    begin = dance_moment_now();
    for (uint32_t i = 0; i < 120; i++) {
        (void)snprintf(name, sizeof(name), "n%u.slow.example.net", i);
        ask(&a, i, name, 500, 0);
    }
    cr_assert_eq(a.account->lookups, 50);
    ask(&a, 200, "new.example.com", 500, 0);
    cr_assert_eq(a.account->lookups, 51);
    /* nor do strangers of many domains shut out who is known */
    for (uint32_t i = 0; i < 120; i++) {
        (void)snprintf(name, sizeof(name), "n.d%u.org", i);
        ask(&a, i, name, 500, 0);
    }
    cr_assert_eq(a.account->lookups, 88);
    while (dance_moment_now().boot < begin.boot + 2)
        continue;
    ask(&a, 201, "good.example.com", 500, 0);
    cr_assert_eq(a.account->lookups, 89);
    account_leave(a.account);
}

Test(lookups, known_names_are_served_beside_a_flood, .fini = close_all)
{
    static struct lookups_asker a;
    char name[40];
    struct dance_moment begin;
    int before;

    open_for(80, NULL);
    ask(&a, 0, "good.example.com", 500, 0);
    answer_secure(0, 1);
    begin = dance_moment_now();
    for (uint32_t i = 0; i < 200; i++) {
        (void)snprintf(name, sizeof(name), "n%u.d%u.example%u.com", i, i, i % 20);
        ask(&a, i, name, 500, 0);
    }
    cr_assert_eq(lookups_in_flight(), 70);
    before = count;
    /* its records have ended (less than a second is nothing), but it was there lately */
    while (dance_moment_now().boot < begin.boot + 2)
        continue;
    ask(&a, 1000, "good.example.com", 500, 0);
    cr_assert_eq(count, before + 1);
    cr_assert_str_eq(started[before].name, "good.example.com.");
}

Test(lookups, what_is_kept_longer_than_its_signature, .fini = close_all)
{
    static struct lookups_asker a;

    open_for(10, NULL);
    ask(&a, 1, "x.example.com", 500, 0);
    answer_signed(0, 3600, -5);
    cr_assert_eq(deliveries, 0, "the other context may have a newer one");
    cr_assert_eq(count, 2);
    cr_assert_eq(started[1].context, DNS_FOR_SUSPECTS);
    answer_secure(1, 3600);
    cr_assert_eq(delivered[0].status, DANCE_WIRE_SECURE);
    /* or it has not */
    ask(&a, 2, "y.example.com", 500, 0);
    answer_signed(2, 3600, -5);
    answer_signed(3, 3600, -5);
    cr_assert_eq(delivered[1].status, DANCE_WIRE_BOGUS);
    cr_assert_str_eq(delivered[1].reason, "the record's signature has expired");
    cr_assert_eq(lookups_in_flight(), 0);
    /* whoever waits for it is told in time */
    ask(&a, 3, "z.example.com", 500, 0);
    answer_signed(4, 3600, -5);
    lookups_expire(500);
    cr_assert_eq(delivered[2].status, DANCE_WIRE_FAILED);
    answer_signed(5, 3600, -5);
    cr_assert_eq(deliveries, 3);
}

/* Whoever asks while a name is looked up again wants what is found then renewed, too. */
Test(lookups, asked_while_it_is_renewed, .fini = close_all)
{
    struct name *n;

    open_for(10, NULL);
    n = names_make("a.example.com", 13);
    wanted_found(n, 100, 0, 0);
    wanted_asked(n, 1000);
    cr_assert_eq(wanted_due(10, 90000), n);
    wanted_asked(n, 90001);
    wanted_found(n, 100, 1, 90002);
    cr_assert_eq(wanted_due(10, 180002), n, "somebody asked in between");
    wanted_found(n, 100, 0, 180003);
    cr_assert_null(wanted_due(10, 270003), "nobody did");
    cr_assert_null(wanted_due(10, 280004));
    cr_assert_eq(names_count(), 0);
}

/* Whoever owns a short name below a country is one owner (it was taken for a registry). */
Test(lookups, the_owner_of_a_short_name_has_a_share, .fini = close_all)
{
    static struct lookups_asker a;
    char name[40];

    open_for(80, NULL);
    for (uint32_t i = 0; i < 60; i++) {
        (void)snprintf(name, sizeof(name), "n.x%u.xyz.io", i);
        ask(&a, i, name, 500, 0);
    }
    cr_assert_eq(lookups_in_flight(), 20);
    cr_assert_eq(count, DOMAINS_NEW);
    cr_assert_eq(lookups_counters()->busy_domain, 40);
}

/* A domain that has not answered yet has next to no lookups at a time, then some, and more with
 * each answer. */
Test(lookups, what_a_domain_may_have_waits_in_line, .fini = close_all)
{
    static struct lookups_asker a;
    static struct lookups_asker b;
    char name[40];

    open_for(800, NULL);
    for (uint32_t i = 0; i < 150; i++) {
        (void)snprintf(name, sizeof(name), "n%u.example.com", i);
        ask(i % 2 == 0 ? &a : &b, i, name, 500, 0);
    }
    cr_assert_eq(lookups_in_flight(), 150);
    cr_assert_eq(count, DOMAINS_NEW);
    answer(0);
    cr_assert_eq(count, 1 + DOMAINS_BEGIN);
    answer(1);
    cr_assert_eq(count, 1 + DOMAINS_BEGIN + 2);
    /* nobody waits any more: it never begins */
    lookups_forget(&b);
    cr_assert_eq(lookups_in_flight(), 74 + DOMAINS_BEGIN / 2);
    for (int i = 2; i < count; i++)
        answer(i);
    cr_assert_eq(count, 76 + DOMAINS_BEGIN / 2);
    cr_assert_eq(deliveries, 76);
    cr_assert_eq(lookups_in_flight(), 0);
    /* those that wait in line are told in time, and go */
    for (uint32_t i = 0; i < 150; i++) {
        (void)snprintf(name, sizeof(name), "m%u.example.com", i);
        ask(&a, i, name, 500, 1000);
    }
    lookups_expire(1500);
    cr_assert_eq(deliveries, 226);
    cr_assert_eq(lookups_in_flight(), DOMAINS_AT_MOST);
    cr_assert_eq(count, 76 + DOMAINS_BEGIN / 2 + DOMAINS_AT_MOST);
}

/* A domain that was bogus a moment ago: two lookups at a time, where nobody else's are. */
Test(lookups, suspects_are_looked_up_apart, .fini = close_all)
{
    static struct lookups_asker a;
    char name[40];
    int before;

    open_for(800, NULL);
    ask(&a, 0, "known.example.com", 500, 0);
    answer_secure(0, 1);
    ask(&a, 0, "n.example.com", 500, 0);
    cr_assert_leq(started[1].context, DNS_FOR_STRANGERS + 1);
    answer_bogus(1);
    for (uint32_t i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof(name), "n%u.example.com", i);
        ask(&a, i, name, 500, 0);
    }
    cr_assert_eq(count, 2 + DOMAINS_SUSPECT);
    cr_assert_eq(started[2].context, DNS_FOR_SUSPECTS);
    answer(2);
    cr_assert_eq(count, 3 + DOMAINS_SUSPECT, "one after the other");
    cr_assert_eq(started[count - 1].context, DNS_FOR_SUSPECTS);
    /* others are where they were, and as many */
    before = count;
    for (uint32_t i = 0; i < DOMAINS_NEW; i++) {
        (void)snprintf(name, sizeof(name), "n%u.example.net", i);
        ask(&a, i, name, 500, 0);
        cr_assert_eq(started[count - 1].context, DNS_FOR_NEW);
    }
    cr_assert_eq(count - before, (int)DOMAINS_NEW);
    /* and so is a name of the domain that was found lately */
    let_a_moment_pass();
    ask(&a, 99, "known.example.com", 500, 2000);
    cr_assert_eq(started[count - 1].context, DNS_FOR_KNOWN);
    cr_assert_str_eq(started[count - 1].name, "known.example.com.");
    /* until it is bogus itself */
    answer_bogus(count - 1);
    lookups_expire(LOOKUPS_LIFETIME_MS + 2000);
}

Test(lookups, strangers_share_two_contexts_and_a_name_stays_with_one)
{
    static struct lookups_asker a;
    bool used[DNS_CONTEXTS] = {false};
    char name[40];

    open_for(800, NULL);
    ask(&a, 0, "first.example.com", 500, 0);
    answer_secure(0, 1);
    for (uint32_t i = 0; i < 64; i++) {
        (void)snprintf(name, sizeof(name), "n%u.example.com", i);
        for (int again = 0; again < 2; again++) {
            ask(&a, i, name, 500, 0);
            used[started[count - 1].context] = true;
            answer(count - 1);
        }
        cr_assert_eq(started[count - 1].context, started[count - 2].context);
        cr_assert_str_eq(started[count - 1].name, started[count - 2].name);
    }
    cr_assert(used[DNS_FOR_STRANGERS] && used[DNS_FOR_STRANGERS + 1]);
    cr_assert(!used[DNS_FOR_KNOWN] && !used[DNS_FOR_NEW]);
}

static struct name *hold(const char *name, long long now)
{
    struct name *n = wanted_hold(name, strlen(name), now);

    cr_assert_not_null(n);
    return n;
}

/*
 * A list of 100,000 names whose server never answers, and one of 300: by the
 * time that lookups of the first are given up the second is known.
 */
Test(lookups, slow_names_leave_a_list_fresh, .fini = close_all)
{
    char name[40];
    int slow = 0;
    int quick = 0;
    int done = 0;

    open_for(4096, NULL);
    for (int i = 0; i < 100000; i++) {
        (void)snprintf(name, sizeof(name), "n%d.slow.example.net", i);
        (void)hold(name, 0);
    }
    for (int i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof(name), "n%d.example.com", i);
        (void)hold(name, 0);
    }
    cr_assert_eq(wanted_held(), 100300);
    for (long long now = 0; now < 100; now++) {
        int end = count;

        lookups_expire(now);
        for (; done < end; done++) {
            if (strstr(started[done].name, "slow") != NULL)
                slow++;
            else
                answer_secure(done, 1000);
        }
    }
    cr_assert_eq(slow, DOMAINS_NEW / 2, "who asks has the other half");
    quick = count - slow;
    cr_assert_eq(quick, 300);
    cr_assert_eq(names_kept(), 300);
    /* given up: it is suspect, and gets less */
    lookups_expire(LOOKUPS_LIFETIME_MS);
    cr_assert_eq(count - slow - quick, DOMAINS_SUSPECT / 2);
    cr_assert_eq(started[count - 1].context, DNS_FOR_SUSPECTS);
    /* renewals come in time */
    lookups_expire(900100);
    cr_assert_gt(count - slow - quick, 16);
    for (done = slow + quick; done < count; done++) {
        if (!started[done].cancelled && strstr(started[done].name, "slow") == NULL)
            answer_secure(done, 1000);
        lookups_expire(900101);
    }
    cr_assert_gt(count - slow - quick, 300);
}

/* While somebody waits for a lookup few are begun because they are due. */
Test(lookups, handshakes_go_before_prefetch, .fini = close_all)
{
    static struct lookups_asker a;
    char name[40];
    unsigned before;

    open_for(4096, NULL);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "n%d.e%d.org", i, i % 100);
        (void)hold(name, 0);
    }
    ask(&a, 1, "n.example.com", 500, 0);
    lookups_expire(0);
    cr_assert_eq(count, 1 + 8);
    answer(0);
    lookups_expire(1);
    cr_assert_eq(count, 1 + 64);
    /* in flight already: none is added, and none is in the way of the bounds */
    before = lookups_in_flight();
    ask(&a, 2, "m.example.com", 500, 2);
    for (int i = 1; i < 60; i++) {
        answer(i);
        lookups_expire(2);
    }
    cr_assert_leq(lookups_in_flight(), before - 40);
}

/* A denial is believed for no longer than that, here and by whoever is told. */
Test(lookups, denials_are_cut, .fini = close_all)
{
    static struct lookups_asker a;

    lookups_open((struct lookups_limits){10, 1000, 1}, NULL, deliver);
    ask(&a, 1, "x.example.com", 500, 0);
    answer_absent(0, 3600);
    cr_assert_eq(delivered[0].status, DANCE_WIRE_ABSENT);
    cr_assert_eq(delivered[0].ttl, 1);
    ask(&a, 2, "y.example.com", 500, 0);
    answer_insecure(1, 3600);
    cr_assert_eq(delivered[1].status, DANCE_WIRE_INSECURE);
    cr_assert_eq(delivered[1].ttl, 1);
    ask(&a, 3, "z.example.com", 500, 0);
    answer_secure(2, 3600);
    cr_assert_eq(delivered[2].ttl, 3600);
    let_a_moment_pass();
    ask(&a, 4, "x.example.com", 500, 0);
    ask(&a, 5, "y.example.com", 500, 0);
    cr_assert_eq(count, 5);
}

/* What DNS said goes before a chain: its denials always, its records unless the chain is to decide.
 */
Test(lookups, known_beside_a_chain, .fini = close_all)
{
    static struct lookups_asker a;

    open_for(10, NULL);
    cr_assert(!known(&a, "good.example.com", false));
    ask(&a, 1, "good.example.com", 500, 0);
    answer_secure(0, 3600);
    ask(&a, 2, "none.example.com", 500, 0);
    answer_absent(1, 3600);
    ask(&a, 3, "unsigned.example.com", 500, 0);
    answer_insecure(2, 3600);
    ask(&a, 4, "bogus.example.com", 500, 0);
    answer_bogus(3);
    ask(&a, 5, "silent.example.com", 500, 0);
    answer_failed(4);
    cr_assert_eq(deliveries, 5);
    cr_assert(known(&a, "Good.example.com", false));
    cr_assert_eq(delivered[5].status, DANCE_WIRE_SECURE);
    cr_assert_eq(delivered[5].id, 77);
    cr_assert(!known(&a, "good.example.com", true));
    for (int only = 0; only < 2; only++) {
        cr_assert(known(&a, "none.example.com", only));
        cr_assert(known(&a, "unsigned.example.com", only));
        /* These say nothing of the record: whoever is in between can bring them about. */
        cr_assert(!known(&a, "bogus.example.com", only));
        cr_assert(!known(&a, "silent.example.com", only));
    }
    cr_assert_eq(deliveries, 10);
    cr_assert_eq(delivered[6].status, DANCE_WIRE_ABSENT);
    cr_assert_eq(delivered[9].status, DANCE_WIRE_INSECURE);
}
