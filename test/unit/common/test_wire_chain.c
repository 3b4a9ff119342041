/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "dance_wire_chain.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static uint8_t buf[DANCE_WIRE_CHAIN_SIZE_MAX + 16];
static uint8_t octets[DANCE_CHAIN_MAX + 1];

static struct dance_wire_chain sent(size_t chain_len)
{
    return (struct dance_wire_chain){
        .query = {.id = 7, .timeout_ms = 900, .name = "a.example", .name_len = 9},
        .only = true,
        .chain = octets,
        .chain_len = chain_len};
}

/* From memory of its own size, so that a sanitizer sees a step beyond it. */
static int decodes(size_t len, bool collected)
{
    static struct dance_wire_chain chain;
    static struct dance_wire_collected answer;
    uint8_t *copy = malloc(len + 1);
    int ok;

    memcpy(copy, buf, len);
    ok = collected ? dance_wire_decode_collected(copy, len, &answer)
                   : dance_wire_decode_chain(copy, len, &chain);
    free(copy);
    return ok;
}

Test(wire_chain, a_query_with_its_chain)
{
    struct dance_wire_chain c = sent(100), got;
    size_t len = dance_wire_encode_chain(&c, buf, sizeof(buf));

    cr_assert_gt(len, 0);
    cr_assert(dance_wire_decode_chain(buf, len, &got));
    cr_assert(got.only);
    cr_assert_eq(got.query.id, 7);
    cr_assert_eq(got.query.timeout_ms, 900);
    cr_assert_eq(got.query.name_len, 9);
    cr_assert_eq(memcmp(got.query.name, "a.example", 9), 0);
    cr_assert_eq(got.chain_len, 100);
    for (size_t cut = 0; cut < len; cut++)
        cr_expect_not(decodes(cut, false), "cut to %zu", cut);
    cr_expect_not(decodes(len + 1, false), "an octet too many");
    buf[DANCE_WIRE_HEADER + 8] = 2;
    cr_expect_not(decodes(len, false), "neither yes nor no");
}

Test(wire_chain, bounds_of_a_query)
{
    struct dance_wire_chain c = sent(DANCE_CHAIN_MAX);
    char name[DANCE_WIRE_NAME_MAX] = {'a'};
    size_t len;

    c.query.name = name;
    c.query.name_len = sizeof(name);
    len = dance_wire_encode_chain(&c, buf, sizeof(buf));
    cr_assert(len > 0 && len <= DANCE_WIRE_CHAIN_SIZE_MAX);
    cr_assert(decodes(len, false));
    cr_expect_eq(dance_wire_encode_chain(&c, buf, len - 1), 0);
    c.chain_len = DANCE_CHAIN_MAX + 1;
    cr_expect_eq(dance_wire_encode_chain(&c, buf, sizeof(buf)), 0);
    c.chain_len = 0;
    cr_expect_eq(dance_wire_encode_chain(&c, buf, sizeof(buf)), 0);
    c = sent(10);
    c.query.timeout_ms = 0;
    cr_expect_eq(dance_wire_encode_chain(&c, buf, sizeof(buf)), 0);
    c = sent(10);
    c.query.name_len = 0;
    cr_expect_eq(dance_wire_encode_chain(&c, buf, sizeof(buf)), 0);
}

Test(wire_chain, to_collect_has_the_form_of_a_query)
{
    struct dance_wire_query q = sent(1).query, got;
    size_t len = dance_wire_encode_collect(&q, buf, sizeof(buf));

    cr_assert_gt(len, 0);
    cr_assert(dance_wire_decode_collect(buf, len, &got));
    cr_assert_eq(got.id, 7);
    cr_assert_not(dance_wire_decode_query(buf, len, &got));
    len = dance_wire_encode_query(&q, buf, sizeof(buf));
    cr_assert_not(dance_wire_decode_collect(buf, len, &got));
}

Test(wire_chain, what_was_collected)
{
    struct dance_wire_collected c = {.id = 9,
                                     .status = DANCE_WIRE_SECURE,
                                     .ttl = 60,
                                     .reason = "",
                                     .chain = octets,
                                     .chain_len = DANCE_CHAIN_MAX};
    struct dance_wire_collected got;
    size_t len = dance_wire_encode_collected(&c, buf, sizeof(buf));

    cr_assert_gt(len, 0);
    cr_assert(dance_wire_decode_collected(buf, len, &got));
    cr_assert_eq(got.id, 9);
    cr_assert_eq(got.ttl, 60);
    cr_assert_eq(got.chain_len, DANCE_CHAIN_MAX);
    for (size_t cut = 0; cut < len; cut += cut < 40 ? 1 : 997)
        cr_expect_not(decodes(cut, true), "cut to %zu", cut);
    cr_expect_not(decodes(len + 1, true), "an octet too many");
    c.chain_len = 0;
    cr_expect_eq(dance_wire_encode_collected(&c, buf, sizeof(buf)), 0, "secure without a chain");
    c.status = DANCE_WIRE_BOGUS;
    c.reason = "why\x01";
    c.reason_len = 3;
    len = dance_wire_encode_collected(&c, buf, sizeof(buf));
    cr_assert(decodes(len, true));
    c.reason_len = 4;
    len = dance_wire_encode_collected(&c, buf, sizeof(buf));
    cr_assert_not(decodes(len, true), "it does not print");
    c.chain_len = 5;
    cr_expect_eq(dance_wire_encode_collected(&c, buf, sizeof(buf)), 0, "bogus with a chain");
}
