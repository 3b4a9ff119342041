/*
 * The way from a name to the trust anchor, with a DNS of the test's own (dns.h's functions stand
 * here).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "worker/collect/climb.h"

#include "worker/dns/anchor.h"

#define OWN_DNS_CONTEXT DNS_FOR_NEW
#include "dns_message.h"
#include "own_dns.h"

#include <arpa/nameser.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct dance_wire_collected said;
static char reason[300];
static uint8_t octets[DANCE_CHAIN_MAX];
static int times;

static void done(void *arg, const struct dance_wire_collected *collected)
{
    cr_expect_eq(arg, (void *)&said);
    said = *collected;
    (void)snprintf(reason, sizeof(reason), "%.*s", (int)said.reason_len, said.reason);
    if (said.chain_len > 0)
        memcpy(octets, said.chain, said.chain_len);
    times++;
}

static void put_name(const char *name)
{
    cr_assert(ns_name_pton(name, message + used, sizeof(message) - (size_t)used) >= 0);
    while (message[used] != 0)
        used += message[used] + 1;
    used++;
}

/* What was asked for, by this zone; lasts: the signature, in seconds. */
static struct ub_result *answer(const char *signer, int ttl, long lasts)
{
    static uint8_t rdata[7] = {3, 1, 1, 0, 0, 0, 9};
    struct ub_result *result = calloc(1, sizeof(*result));
    int fixed;

    used = 0;
    put(0x123481a0, 4);
    put(0x0000000200000000, 8);
    put_name(started.name);
    put((unsigned long)started.type, 2);
    put(1, 2);
    put((unsigned long)ttl, 4);
    put(sizeof(rdata), 2);
    put_octets(rdata, sizeof(rdata));
    put_name(started.name);
    put(RRSIG, 2);
    put(1, 2);
    put((unsigned long)ttl, 4);
    fixed = used;
    put(0, 2);
    put((unsigned long)started.type, 2);
    put(0x0d02, 2);
    put(3600, 4);
    put((unsigned long)(time(NULL) + lasts), 4);
    put((unsigned long)(time(NULL) - 1000), 4);
    put(7, 2);
    put_name(signer);
    put(1, 4);
    message[fixed + 1] = (uint8_t)(used - fixed - 2);
    result->secure = result->havedata = 1;
    result->answer_packet = malloc((size_t)used);
    memcpy(result->answer_packet, message, (size_t)used);
    result->answer_len = used;
    result->data = calloc(2, sizeof(char *));
    result->data[0] = malloc(sizeof(rdata));
    memcpy(result->data[0], rdata, sizeof(rdata));
    result->len = calloc(2, sizeof(int));
    result->len[0] = sizeof(rdata);
    result->ttl = ttl;
    return result;
}

static void give(struct ub_result *result)
{
    started.callback(started.arg, 0, result);
}

static void give_signed(const char *signer)
{
    give(answer(signer, 600, 100000));
}

static struct ub_result *nothing(bool secure, bool bogus)
{
    struct ub_result *result = calloc(1, sizeof(*result));

    result->secure = secure;
    result->bogus = bogus;
    result->ttl = 600;
    return result;
}

static void trust(const char *zone)
{
    static char text[1000];
    const char *fault;

    (void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
                   "%s IN DS 1 13 2 "
                   "0000000000000000000000000000000000000000000000000000000000000000\n",
                   zone);
    cr_assert(anchors_parse(text, strlen(text), &fault), "%s", fault);
}

static struct climb *begin(void)
{
    return climb_begin("x.example.com.", done, &said);
}

static unsigned records(void)
{
    struct dance_chain_reader reader;
    struct dance_chain_record record;
    unsigned n = 0;

    dance_chain_read(&reader, octets, said.chain_len);
    while (dance_chain_next(&reader, &record))
        n++;
    cr_expect_not(reader.malformed);
    return n;
}

Test(climb, up_to_the_root)
{
    trust(".");
    cr_assert_not_null(begin());
    give_signed("example.com.");
    give_signed("example.com.");
    give_signed("com.");
    give_signed("com.");
    give_signed(".");
    cr_expect_eq(times, 0);
    give_signed(".");
    cr_expect_eq(times, 1);
    cr_expect_eq(said.status, DANCE_WIRE_SECURE, "%s", reason);
    cr_expect_str_eq(asked,
                     "52 x.example.com. 48 example.com. 43 example.com. 48 com. 43 com. 48 . ");
    cr_expect_eq(records(), 12);
    cr_expect_eq(said.ttl, 600);
}

Test(climb, an_island_and_what_is_above_it)
{
    /* There is nothing above it. */
    trust("example.com.");
    cr_assert_not_null(begin());
    give_signed("example.com.");
    give_signed("example.com.");
    cr_expect_eq(said.status, DANCE_WIRE_SECURE, "%s", reason);
    cr_expect_str_eq(asked, "52 x.example.com. 48 example.com. ");
    /* There is, and it says nothing of it. */
    trust(".");
    for (int i = 0; i < 2; i++) {
        asked[0] = '\0';
        times = 0;
        cr_assert_not_null(begin());
        give_signed("example.com.");
        give_signed("example.com.");
        give(nothing(i == 0, false));
        cr_expect_eq(times, 1);
        cr_expect_eq(said.status, DANCE_WIRE_SECURE, "%s", reason);
        cr_expect_str_eq(asked, "52 x.example.com. 48 example.com. 43 example.com. ");
    }
    /* There is, and it does. */
    asked[0] = '\0';
    cr_assert_not_null(begin());
    give_signed("example.com.");
    give_signed("example.com.");
    give_signed("com.");
    give_signed("com.");
    give_signed(".");
    give_signed(".");
    cr_expect_eq(said.status, DANCE_WIRE_SECURE, "%s", reason);
    /* There is, and nobody can tell now. */
    times = 0;
    cr_assert_not_null(begin());
    give_signed("example.com.");
    give_signed("example.com.");
    started.callback(started.arg, UB_SERVFAIL, NULL);
    cr_expect_eq(said.status, DANCE_WIRE_FAILED);
    cr_expect_eq(times, 1);
}

Test(climb, what_is_not_secure_is_no_chain)
{
    trust(".");
    cr_assert_not_null(begin());
    give(nothing(true, false));
    cr_expect_eq(said.status, DANCE_WIRE_ABSENT);
    cr_expect_str_eq(reason, "the name exists, but has no TLSA record");
    cr_assert_not_null(begin());
    give(nothing(false, true));
    cr_expect_eq(said.status, DANCE_WIRE_BOGUS);
    cr_assert_not_null(begin());
    started.callback(started.arg, UB_SERVFAIL, NULL);
    cr_expect_eq(said.status, DANCE_WIRE_FAILED);
    /* on the way */
    cr_assert_not_null(begin());
    give_signed("example.com.");
    give(nothing(false, true));
    cr_expect_eq(said.status, DANCE_WIRE_BOGUS);
    cr_expect_str_eq(reason, "the DNSKEY records of example.com.: validation failed");
    cr_assert_not_null(begin());
    give_signed("example.com.");
    give_signed("example.com.");
    give(nothing(false, false));
    cr_expect_eq(said.status, DANCE_WIRE_FAILED);
    cr_expect_eq(times, 5);
    cr_expect_eq(said.chain_len, 0);
    /* why it is insecure takes a question more (explain.h) */
    cr_assert_not_null(begin());
    give(nothing(false, false));
    cr_expect_eq(times, 5);
    started.callback(started.arg, UB_SERVFAIL, NULL);
    cr_expect_eq(times, 6);
    cr_expect_eq(said.status, DANCE_WIRE_INSECURE);
    /* secure, and without the signatures that would show it */
    cr_assert_not_null(begin());
    give(answer("example.com.", 600, -1));
    cr_expect_eq(said.status, DANCE_WIRE_FAILED);
    /* by a zone that no anchor is above */
    cr_assert_not_null(begin());
    anchors_forget();
    give_signed("example.com.");
    give_signed("example.com.");
    cr_expect_eq(said.status, DANCE_WIRE_FAILED);
    cr_expect_str_eq(reason, "no trust anchor covers the zone: example.com.");
}

Test(climb, when_to_come_again)
{
    static const struct {
        int ttl;
        long lasts;
        uint32_t from, to;
    } cases[] = {{600, 1000, 499, 500},
                 {600, 100000, 600, 600},
                 {0, 100000, 5, 5},
                 {600, 4, 5, 5},
                 {1000000, 10000000, 86400, 86400}};

    trust("example.com.");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_not_null(begin());
        give(answer("example.com.", cases[i].ttl, cases[i].lasts));
        give_signed("example.com.");
        cr_expect_eq(said.status, DANCE_WIRE_SECURE);
        cr_expect(said.ttl >= (cases[i].ttl == 1000000 ? 600 : cases[i].from)
                      && said.ttl <= cases[i].to,
                  "%zu: %u", i, said.ttl);
    }
}

Test(climb, no_lookup_can_be_begun)
{
    trust(".");
    fails_at = 1;
    cr_expect_null(begin());
    cr_expect_eq(times, 0);
    fails_at = 3;
    cr_assert_not_null(begin());
    give_signed("example.com.");
    cr_expect_eq(times, 1);
    cr_expect_eq(said.status, DANCE_WIRE_FAILED);
}

Test(climb, cancelled)
{
    struct climb *c;

    trust(".");
    c = begin();
    climb_cancel(c);
    cr_expect_eq(cancelled, 1);
    /* while it is found out why it is insecure */
    c = begin();
    give(nothing(false, false));
    climb_cancel(c);
    cr_expect_eq(cancelled, 3);
    cr_expect_eq(times, 0);
}
