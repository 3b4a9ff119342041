/*
 * Chains by libunbound itself, with zones that are signed here.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "worker/chain/check.h"
#include "worker/chain/records.h"
#include "worker/chain/upper.h"
#include "worker/dns/anchor.h"

#include "forged.h"

static struct octets chain;
static struct check check;
static struct forged_key root, com, deep, stranger;

static void set_up(void)
{
    char text[256];
    const char *fault;

    root = make_key();
    com = make_key();
    deep = make_key();
    stranger = make_key();
    cr_assert(anchors_parse(text, anchor_text(text, sizeof(text), ".", &root), &fault), "%s",
              fault);
    cr_assert(check_open());
    begin_chain(&chain);
}

static void tear_down(void)
{
    check_close();
    anchors_forget();
    EVP_PKEY_free(root.key);
    EVP_PKEY_free(com.key);
    EVP_PKEY_free(deep.key);
    EVP_PKEY_free(stranger.key);
}

TestSuite(check_chain, .init = set_up, .fini = tear_down);

static void above(void)
{
    put_keys(&chain, ".", &root);
    put_delegation(&chain, "com.", &com, ".", &root);
    put_keys(&chain, "com.", &com);
}

/* What becomes of it is in check.answer, until check_end(). */
static enum dance_wire_status ask(const char *name)
{
    const struct dance_wire_chain c = {.query = {1, 1000, name, strlen(name)},
                                       .only = true,
                                       .chain = chain.at,
                                       .chain_len = chain.len};

    check_chain(&check, &c);
    return check.answer.status;
}

static void holds(const char *name, uint32_t ttl)
{
    cr_assert_eq(ask(name), DANCE_WIRE_SECURE, "%.*s", (int)check.answer.reason_len,
                 check.answer.reason);
    cr_assert_eq(check.answer.count, 1);
    cr_assert_eq(check.answer.record[0].len, sizeof(forged_tlsa));
    cr_assert_arr_eq(check.answer.record[0].rdata, forged_tlsa, sizeof(forged_tlsa));
    cr_assert_leq(check.answer.ttl, ttl);
    cr_assert_geq(check.answer.ttl + 10, ttl);
    check_end(&check);
}

static void fails(const char *name)
{
    cr_assert_eq(ask(name), DANCE_WIRE_BOGUS);
    cr_assert_eq(strncmp(check.answer.reason, CHECK_REASON, strlen(CHECK_REASON)), 0, "%.*s",
                 (int)check.answer.reason_len, check.answer.reason);
    cr_assert_eq(check.answer.count, 0);
    check_end(&check);
}

Test(check_chain, holds)
{
    above();
    put_tlsa(&chain, "a.com.", "com.", &com);
    holds("a.com", 300);
    holds("A.Com", 300);
    fails("b.com");
    fails("com");
    fails("a.net");
}

Test(check_chain, the_least_ttl)
{
    above();
    forged.ends = 60;
    put_tlsa(&chain, "a.com.", "com.", &com);
    holds("a.com", 60);
    begin_chain(&chain);
    put_tlsa(&chain, "a.com.", "com.", &com);
    forged.ends = 3600;
    forged.ttl = 7;
    above();
    holds("a.com", 7);
}

Test(check_chain, forgeries)
{
    above();
    put_tlsa(&chain, "a.com.", "com.", &stranger);
    fails("a.com");
    begin_chain(&chain);
    above();
    forged.spoil = true;
    put_tlsa(&chain, "a.com.", "com.", &com);
    fails("a.com");
    forged.spoil = false;
    begin_chain(&chain);
    put_keys(&chain, ".", &root);
    put_delegation(&chain, "com.", &stranger, ".", &stranger);
    put_keys(&chain, "com.", &stranger);
    put_tlsa(&chain, "a.com.", "com.", &stranger);
    fails("a.com");
}

Test(check_chain, nothing_of_one_is_there_for_the_next)
{
    above();
    put_tlsa(&chain, "a.com.", "com.", &com);
    holds("a.com", 300);
    begin_chain(&chain);
    put_tlsa(&chain, "a.com.", "com.", &com);
    fails("a.com");
}

/* Zones whose apex is more than a label below their parent's, one in the other. */
Test(check_chain, delegations_over_several_labels)
{
    above();
    put_delegation(&chain, "x.y.com.", &deep, "com.", &com);
    put_keys(&chain, "x.y.com.", &deep);
    put_tlsa(&chain, "a.x.y.com.", "x.y.com.", &deep);
    holds("a.x.y.com", 300);
    put_delegation(&chain, "1.2.3.x.y.com.", &stranger, "x.y.com.", &deep);
    put_keys(&chain, "1.2.3.x.y.com.", &stranger);
    put_tlsa(&chain, "b.1.2.3.x.y.com.", "1.2.3.x.y.com.", &stranger);
    holds("b.1.2.3.x.y.com", 300);
    /* A DS record by nobody's key does not become an anchor. */
    begin_chain(&chain);
    above();
    put_delegation(&chain, "x.y.com.", &deep, "com.", &stranger);
    put_keys(&chain, "x.y.com.", &deep);
    put_tlsa(&chain, "a.x.y.com.", "x.y.com.", &deep);
    fails("a.x.y.com");
}

Test(check_chain, names_that_libunbound_has_of_its_own)
{
    put_keys(&chain, ".", &root);
    put_delegation(&chain, "test.", &com, ".", &root);
    put_keys(&chain, "test.", &com);
    put_tlsa(&chain, "a.test.", "test.", &com);
    holds("a.test", 300);
}

Test(check_chain, wildcards)
{
    /* b.com: nothing between a.com and c.com. */
    static const uint8_t next[] = {1, 'c', 3, 'c', 'o', 'm', 0, 0, 1, 0x40};

    above();
    put_tlsa(&chain, "*.com.", "com.", &com);
    fails("b.com");
    put_signed(&chain, "a.com.", "a.com.", NSEC, next, sizeof(next), "com.", &com);
    holds("b.com", 300);
    fails("d.com");
}

/* The record as an answer has it: at the name itself, with the signature of the wildcard. */
Test(check_chain, expanded_wildcards)
{
    static const uint8_t next[] = {1, 'c', 3, 'c', 'o', 'm', 0, 0, 1, 0x40};

    above();
    put_signed(&chain, "b.com.", "*.com.", TLSA, forged_tlsa, sizeof(forged_tlsa), "com.", &com);
    fails("b.com");
    put_signed(&chain, "a.com.", "a.com.", NSEC, next, sizeof(next), "com.", &com);
    holds("b.com", 300);
    /* Of another name below the wildcard, too; not one that the denial is not about. */
    fails("d.com");
}

Test(check_chain, aliases)
{
    static const uint8_t target[] = {1, 'a', 3, 'n', 'e', 't', 0};

    above();
    put_signed(&chain, "c.com.", "c.com.", CNAME, target, sizeof(target), "com.", &com);
    fails("c.com");
    put_delegation(&chain, "net.", &deep, ".", &root);
    put_keys(&chain, "net.", &deep);
    put_tlsa(&chain, "a.net.", "net.", &deep);
    holds("c.com", 300);
}

Test(check_chain, dname)
{
    static const uint8_t target[] = {3, 'n', 'e', 't', 0};

    above();
    put_signed(&chain, "d.com.", "d.com.", DNAME, target, sizeof(target), "com.", &com);
    put_delegation(&chain, "net.", &deep, ".", &root);
    put_keys(&chain, "net.", &deep);
    put_tlsa(&chain, "a.net.", "net.", &deep);
    /* libunbound makes the alias, with a TTL of 0 or the DNAME's. */
    cr_assert_eq(ask("a.d.com"), DANCE_WIRE_SECURE);
    cr_assert_leq(check.answer.ttl, 300);
    check_end(&check);
}

/* An anchor in the middle of the tree needs nothing from above. */
Test(check_chain, an_anchor_below_the_root)
{
    char text[256];
    const char *fault;

    cr_assert(anchors_parse(text, anchor_text(text, sizeof(text), "x.y.com.", &deep), &fault));
    put_keys(&chain, "x.y.com.", &deep);
    put_tlsa(&chain, "a.x.y.com.", "x.y.com.", &deep);
    holds("a.x.y.com", 300);
    begin_chain(&chain);
    above();
    put_tlsa(&chain, "a.com.", "com.", &com);
    fails("a.com");
}

/* Is it known that the DS records of this zone of the chain hold? */
static bool known(size_t apex_len)
{
    static struct records records;

    cr_assert_null(records_read(&records, chain.at, chain.len, time(NULL)));
    for (size_t z = 0; z < records.zones; z++) {
        if (records.zone[z].apex_len == apex_len)
            return upper_known(&records, z);
    }
    return false;
}

#define COM 5 /* octets of com. */

/* What is above is proved once; another name, and another zone below it, begin there. */
Test(check_chain, what_is_above_is_proved_once)
{
    size_t len;

    above();
    len = chain.len;
    put_tlsa(&chain, "a.com.", "com.", &com);
    cr_assert(!known(COM));
    holds("a.com", 300);
    cr_assert(known(COM));
    holds("a.com", 300);
    chain.len = len;
    put_tlsa(&chain, "b.com.", "com.", &com);
    holds("b.com", 300);
    fails("a.com");
    chain.len = len;
    put_tlsa(&chain, "b.com.", "com.", &stranger);
    fails("b.com");
    chain.len = len;
    put_delegation(&chain, "x.y.com.", &deep, "com.", &com);
    put_keys(&chain, "x.y.com.", &deep);
    put_tlsa(&chain, "a.x.y.com.", "x.y.com.", &deep);
    holds("a.x.y.com", 300);
    holds("a.x.y.com", 300);
}

/* The same keys, but other signatures: these are looked at, whatever was proved before. */
Test(check_chain, what_is_above_is_the_very_same)
{
    above();
    put_tlsa(&chain, "a.com.", "com.", &com);
    holds("a.com", 300);
    begin_chain(&chain);
    forged.spoil = true;
    put_keys(&chain, ".", &root);
    forged.spoil = false;
    put_delegation(&chain, "com.", &com, ".", &root);
    put_keys(&chain, "com.", &com);
    put_tlsa(&chain, "a.com.", "com.", &com);
    fails("a.com");
    cr_assert(!known(COM));
    begin_chain(&chain);
    put_keys(&chain, ".", &root);
    put_delegation(&chain, "com.", &stranger, ".", &root);
    put_keys(&chain, "com.", &com);
    put_tlsa(&chain, "a.com.", "com.", &com);
    fails("a.com");
}

/* A chain that fails proves nothing of what is above. */
Test(check_chain, failures_prove_nothing)
{
    above();
    put_tlsa(&chain, "a.com.", "com.", &stranger);
    fails("a.com");
    cr_assert(!known(COM));
}

/* zone is an anchor, and a stranger is what stands above it; name is in zone. */
static void look_above_an_anchor(const char *zone, const char *parent, const char *name)
{
    char text[256];
    char absolute[64];
    const char *fault;
    size_t len;

    (void)snprintf(absolute, sizeof(absolute), "%s.", name);
    cr_assert(anchors_parse(text, anchor_text(text, sizeof(text), zone, &com), &fault));
    put_keys(&chain, parent, &stranger);
    put_delegation(&chain, zone, &stranger, parent, &stranger);
    len = chain.len;
    put_keys(&chain, zone, &com);
    put_tlsa(&chain, absolute, zone, &com);
    holds(name, 300);
    chain.len = len;
    put_keys(&chain, zone, &stranger);
    put_tlsa(&chain, absolute, zone, &stranger);
    fails(name);
}

/* Where an anchor stands nobody looks at DS records: they do not become anchors by that. */
Test(check_chain, a_stranger_above_an_anchor)
{
    look_above_an_anchor("com.", ".", "a.com");
    cr_assert(!known(COM));
}

/* Whatever its name is made of (RFC 2317 has a stroke in it). */
Test(check_chain, a_stranger_above_an_anchor_of_an_unusual_name)
{
    look_above_an_anchor("0/25.com.", "com.", "a.0/25.com");
}

/* Nor does what is beside the way. */
Test(check_chain, a_stranger_beside_the_way)
{
    above();
    put_delegation(&chain, "net.", &stranger, ".", &stranger);
    put_keys(&chain, "net.", &stranger);
    put_tlsa(&chain, "a.com.", "com.", &com);
    holds("a.com", 300);
    cr_assert(known(COM));
    put_tlsa(&chain, "a.net.", "net.", &stranger);
    fails("a.net");
    put_delegation(&chain, "b.com.", &stranger, "com.", &stranger);
    put_keys(&chain, "b.com.", &stranger);
    put_tlsa(&chain, "x.b.com.", "b.com.", &stranger);
    fails("x.b.com");
    holds("a.com", 300);
    fails("x.b.com");
}
