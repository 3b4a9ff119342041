/* Why an answer is insecure. Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/insecure.h"

#include "dns_message.h"
#include "worker/dns/anchor.h"
#include "worker/dns/classify.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define DIGEST "e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d"

/* What the DNS of a test says. An entry stands for its name and all below it; the first counts. */
struct reply {
    const char *name;
    int type;
    struct insecure_facts facts;
};

#define SECURE .answered = true, .secure = true
#define INSECURE .answered = true
#define DATA .has_data = true

static const struct reply *replies;
static size_t reply_count;
static unsigned asked;

static bool ends_with(const char *name, const char *end)
{
    size_t a = strlen(name);
    size_t b = strlen(end);

    return a >= b && strcmp(name + a - b, end) == 0;
}

static struct insecure_facts look_up(const struct insecure *i)
{
    for (size_t n = 0; n < reply_count; n++) {
        if (replies[n].type == i->type && ends_with(i->question, replies[n].name))
            return replies[n].facts;
    }
    return (struct insecure_facts){.answered = false};
}

static const char *why(const char *name, struct insecure_facts answer, const struct reply *world,
                       size_t count)
{
    static struct insecure i;
    bool more = insecure_begin(&i, name, &answer);

    replies = world;
    reply_count = count;
    for (asked = 0; more; asked++) {
        answer = look_up(&i);
        more = insecure_next(&i, &answer);
    }
    cr_expect_leq(asked, INSECURE_QUESTIONS_MAX);
    return i.text;
}

#define WHY(name, facts, ...)                                                                      \
    why(name, (struct insecure_facts){facts}, (const struct reply[]){__VA_ARGS__},                 \
        sizeof((const struct reply[]){__VA_ARGS__}) / sizeof(struct reply))

static void anchors(const char *text)
{
    const char *fault = NULL;

    cr_assert(anchors_parse(text, strlen(text), &fault), "%s", fault);
}

static const struct insecure_facts positive = {INSECURE, DATA};

static const char *ask_world(const char *name, struct insecure_facts answer,
                             const struct reply *world, size_t count)
{
    return why(name, answer, world, count);
}

#define ASK(name, answer, world) ask_world(name, answer, world, sizeof(world) / sizeof((world)[0]))

Test(insecure, no_ds)
{
    struct reply world[] = {
        {"example.net.", INSECURE_TYPE_SOA, {INSECURE, .zone = "example.net."}},
        {"example.net.", INSECURE_TYPE_DNSKEY, {INSECURE}},
        {"example.net.", INSECURE_TYPE_DS, {SECURE, .zone = "net."}},
    };

    anchors(". DS 1 8 2 " DIGEST);
    cr_expect_str_eq(ASK("x.y.example.net.", positive, world),
                     "the zone is not signed: example.net.");
    cr_expect_eq(asked, 3);
    world[1].facts.has_data = true;
    cr_expect_str_eq(ASK("x.y.example.net.", positive, world),
                     "the zone is signed, but its parent has no DS record for it: example.net.");
    world[1].facts.answered = false;
    cr_expect_str_eq(ASK("x.y.example.net.", positive, world),
                     "the zone's parent has no DS record for it: example.net.");
    /* a denial names its zone itself */
    cr_expect_str_eq(
        ASK("X.example.net", ((struct insecure_facts){INSECURE, .zone = "example.net."}), world),
        "the zone's parent has no DS record for it: example.net.");
    cr_expect_eq(asked, 2);
}

Test(insecure, the_cut_is_further_up)
{
    static const struct reply world[] = {
        {"b.a.net.", INSECURE_TYPE_SOA, {INSECURE, .zone = "b.a.net."}},
        {"b.a.net.", INSECURE_TYPE_DNSKEY, {INSECURE, DATA}},
        /* a DS record that nobody vouches for names no zone: the parent is asked for */
        {"b.a.net.", INSECURE_TYPE_DS, {INSECURE, DATA}},
        {"a.net.", INSECURE_TYPE_SOA, {INSECURE, .zone = "a.net."}},
        {"a.net.", INSECURE_TYPE_DNSKEY, {INSECURE}},
        {"a.net.", INSECURE_TYPE_DS, {SECURE, .zone = "net."}},
    };

    anchors(". DS 1 8 2 " DIGEST);
    cr_expect_str_eq(ASK("x.b.a.net.", positive, world), "the zone is not signed: a.net.");
}

Test(insecure, ds_that_does_not_count)
{
    struct reply world[] = {
        {"a.net.", INSECURE_TYPE_SOA, {INSECURE, .zone = "a.net."}},
        {"a.net.", INSECURE_TYPE_DNSKEY, {INSECURE, DATA}},
        {"a.net.", INSECURE_TYPE_DS, {SECURE, DATA, .algorithm = 17, .digest_type = 2}},
    };

    anchors(". DS 1 8 2 " DIGEST);
    cr_expect_str_eq(ASK("x.a.net.", positive, world),
                     "the zone has DS records of algorithm 17 only, which this libunbound does not "
                     "know: a.net.");
    world[2].facts.algorithm = 13;
    world[2].facts.digest_type = 5;
    cr_expect_str_eq(ASK("x.a.net.", positive, world),
                     "the zone has DS records of digest type 5 only, which this libunbound does "
                     "not know: a.net.");
    world[2].facts.digest_type = 2;
    cr_expect_str_eq(
        ASK("x.a.net.", positive, world),
        "the zone's DS records do not count here (algorithm 13, digest type 2): a.net.");
}

Test(insecure, anchors)
{
    static const struct reply world[] = {
        {"a.net.", INSECURE_TYPE_SOA, {INSECURE, .zone = "a.net."}},
        {"a.net.", INSECURE_TYPE_DNSKEY, {INSECURE, DATA}},
        {"a.net.", INSECURE_TYPE_DS, {INSECURE, .zone = "."}},
        {".", INSECURE_TYPE_DNSKEY, {INSECURE, DATA}},
    };

    anchors("a.net. DS 1 99 2 " DIGEST "\n");
    cr_expect_str_eq(
        ASK("x.a.net.", positive, world),
        "the zone's trust anchors do not count here (algorithm 99, digest type 2): a.net.");
    anchors("a.net. DNSKEY 257 3 98 AAAA\n");
    cr_expect_str_eq(ASK("x.a.net.", positive, world),
                     "the zone's trust anchors do not count here (algorithm 98): a.net.");
    anchors("example. DS 1 8 2 " DIGEST "\n");
    cr_expect_str_eq(ASK("x.a.net.", positive, world),
                     "no trust anchor covers the zone, which is signed: a.net.");
    /* without the root: the parent cannot be asked, or its server answers for the zone below */
    cr_expect_str_eq(why("x.a.net.", positive, world, 2),
                     "no trust anchor covers the zone, which is signed: a.net.");
    cr_expect_str_eq(WHY("x.a.net.", INSECURE,
                         {"a.net.", INSECURE_TYPE_SOA, {INSECURE, .zone = "a.net."}},
                         {"a.net.", INSECURE_TYPE_DNSKEY, {INSECURE}},
                         {"a.net.", INSECURE_TYPE_DS, {INSECURE, .zone = "a.net."}}),
                     "no trust anchor covers the zone, which is not signed either: a.net.");
    /* an anchor is there, so it is something else */
    anchors("net. DS 1 8 2 " DIGEST "\n");
    cr_expect_str_eq(why("x.a.net.", positive, world, 2), CLASSIFY_INSECURE);
}

Test(insecure, nsec3)
{
    struct reply world[] = {
        {"sub.a.net.", INSECURE_TYPE_SOA, {INSECURE, .zone = "sub.a.net."}},
        {"sub.a.net.", INSECURE_TYPE_DNSKEY, {INSECURE}},
        {"sub.a.net.",
         INSECURE_TYPE_DS,
         {INSECURE, .zone = "a.net.", .nsec3 = true, .opt_out = true}},
        {"a.net.", INSECURE_TYPE_DNSKEY, {SECURE, DATA}},
    };
    struct insecure_facts denial = {INSECURE, .zone = "a.net.", .nsec3 = true, .iterations = 151};

    anchors(". DS 1 8 2 " DIGEST);
    cr_expect_str_eq(
        ASK("x.a.net.", denial, world),
        "the zone denies with 151 NSEC3 iterations, more than this libunbound takes: a.net.");
    denial.opt_out = true;
    cr_expect_str_eq(
        ASK("x.a.net.", denial, world),
        "the zone denies with 151 NSEC3 iterations, more than this libunbound takes: a.net.");
    denial.iterations = 0;
    cr_expect_str_eq(ASK("x.a.net.", denial, world),
                     "the zone's denials leave out what is not signed (NSEC3 opt-out): a.net.");
    denial.nsec3 = false;
    cr_expect_str_eq(ASK("x.a.net.", denial, world), CLASSIFY_INSECURE);
    /* of the DS record of a zone below */
    cr_expect_str_eq(ASK("x.sub.a.net.", positive, world), "the zone is not signed: sub.a.net.");
    world[2].facts.iterations = 151;
    cr_expect_str_eq(
        ASK("x.sub.a.net.", positive, world),
        "the zone denies with 151 NSEC3 iterations, more than this libunbound takes: a.net.");
    world[2].facts.nsec3 = false;
    cr_expect_str_eq(ASK("x.sub.a.net.", positive, world), CLASSIFY_INSECURE);
}

Test(insecure, aliases)
{
    static const struct reply world[] = {
        {"good.net.", INSECURE_TYPE_SOA, {SECURE, .zone = "good.net."}},
        {"good.net.", INSECURE_TYPE_DNSKEY, {SECURE, DATA}},
        {"bad.net.", INSECURE_TYPE_SOA, {INSECURE, .zone = "bad.net."}},
        {"bad.net.", INSECURE_TYPE_DNSKEY, {INSECURE}},
        {"bad.net.", INSECURE_TYPE_DS, {SECURE, .zone = "net."}},
    };

    anchors(". DS 1 8 2 " DIGEST);
    cr_expect_str_eq(
        ASK("x.good.net.", ((struct insecure_facts){INSECURE, DATA, .last = "y.bad.net."}), world),
        "the zone is not signed: bad.net.");
    cr_expect_str_eq(
        ASK("x.bad.net.", ((struct insecure_facts){INSECURE, DATA, .last = "y.good.net."}), world),
        "the zone is not signed: bad.net.");
    cr_expect_str_eq(
        ASK("x.good.net.", ((struct insecure_facts){INSECURE, DATA, .last = "y.good.net."}), world),
        CLASSIFY_INSECURE);
}

Test(insecure, built_in)
{
    struct insecure_facts answer = {INSECURE, .built_in = true, .zone = "home.arpa."};

    cr_expect_str_eq(why("x.home.arpa.", answer, NULL, 0),
                     "libunbound answers for the zone by itself (local-zone): home.arpa.");
    cr_expect_eq(asked, 0);
    answer.zone[0] = '\0';
    cr_expect_str_eq(why("X.home.arpa", answer, NULL, 0),
                     "libunbound answers for the zone by itself (local-zone): x.home.arpa.");
}

/* A DNS that says what it likes: there is an end to it, and a text. */
Test(insecure, bounded)
{
    static struct insecure i;
    char name[INSECURE_NAME_SIZE];
    unsigned long long seed = 1;

    anchors(". DS 1 8 2 " DIGEST);
    for (int n = 0; n < 200000; n++) {
        static const char *const zones[] = {"", ".", "a.", "b.a.", "c.b.a.", "d.c.b.a.", "z."};
        struct insecure_facts answer = positive;
        bool more = insecure_begin(&i, "x.d.c.b.a.", &answer);

        for (asked = 0; more; asked++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            answer = (struct insecure_facts){.answered = (seed >> 60) != 0,
                                             .secure = (seed >> 56 & 7) == 0,
                                             .has_data = seed >> 48 & 1,
                                             .nsec3 = seed >> 47 & 1,
                                             .opt_out = seed >> 46 & 1};
            (void)strcpy(answer.zone, zones[(seed >> 33) % 7]);
            more = insecure_next(&i, &answer);
        }
        cr_assert_leq(asked, INSECURE_QUESTIONS_MAX);
        cr_assert_neq(i.text[0], '\0');
    }
    /* As many zones as labels, none of them secure. */
    name[0] = '\0';
    for (int n = 0; n < 120; n++)
        (void)strcat(name, "a.");
    replies = NULL;
    for (bool more = insecure_begin(&i, name, &positive); more;) {
        struct insecure_facts answer = {INSECURE};

        (void)strcpy(answer.zone, i.type == INSECURE_TYPE_DS ? i.question + 2 : i.question);
        more = insecure_next(&i, &answer);
    }
    cr_expect_str_eq(i.text, CLASSIFY_INSECURE);
}

Test(insecure, long_names_are_cut_in_the_reason)
{
    static struct insecure i;
    struct insecure_facts answer = {INSECURE, .built_in = true};
    char name[INSECURE_NAME_SIZE] = "";

    for (int n = 0; n < 63; n++)
        (void)strcat(name, "abc.");
    cr_expect_not(insecure_begin(&i, name, &answer));
    cr_expect_eq(strlen(i.text), DANCE_WIRE_REASON_MAX);
}

/* A record at the question's name, but for its data. */
static void record(unsigned type, unsigned length)
{
    put_head(QUESTION, type, 60, length);
}

static void begin(unsigned flags, unsigned authority)
{
    begin_message(flags, "\1X\1a", 0, authority);
}

Test(insecure, facts)
{
    static char ds[][5] = {
        {0, 1, 99, 2, 0}, {0, 1, 13, 77, 0}, {0, 1, 13, 2, 0}, {0, 1, 8, 2, 0}, {0, 1, 8}};
    char *data[] = {ds[0], ds[1], ds[2], ds[3], ds[4], NULL};
    int len[] = {5, 5, 5, 5, 3, 0};
    static char canon[] = "Y.b.";
    struct ub_result r = {.rcode = 3, .answer_packet = message, .canonname = canon};
    struct insecure_facts f;

    begin(0x8183, 2);
    record(INSECURE_TYPE_SOA, 22);
    put(0, 2);
    for (int i = 0; i < 5; i++)
        put(0, 4);
    record(50, 5);
    put(0x01010097, 4);
    put(0, 1);
    r.answer_len = used;
    insecure_facts(&f, &r);
    cr_expect(f.answered && !f.secure && !f.has_data && !f.built_in);
    cr_expect_str_eq(f.zone, "x.a.");
    cr_expect_str_eq(f.last, "y.b.");
    cr_expect(f.nsec3 && f.opt_out);
    cr_expect_eq(f.iterations, 151);
    for (int i = 0; i < used; i++) {
        r.answer_len = i;
        insecure_facts(&f, &r);
        cr_expect_not(f.nsec3, "cut to %d octets", i);
    }

    begin(0x8580, 1);
    record(50, 3);
    put(0x010100, 3);
    r = (struct ub_result){.secure = 1,
                           .havedata = 1,
                           .data = data,
                           .len = len,
                           .answer_packet = message,
                           .answer_len = used};
    insecure_facts(&f, &r);
    cr_expect(f.answered && f.secure && f.has_data && f.built_in && !f.nsec3);
    cr_expect(f.zone[0] == '\0' && f.last[0] == '\0');
    cr_expect(f.algorithm == 13 && f.digest_type == 2);
    data[2] = NULL;
    insecure_facts(&f, &r);
    cr_expect(f.algorithm == 13 && f.digest_type == 77);
    data[1] = NULL;
    insecure_facts(&f, &r);
    cr_expect(f.algorithm == 99 && f.digest_type == 2);
    data[0] = ds[4];
    len[0] = 3;
    insecure_facts(&f, &r);
    cr_expect(f.has_data && f.algorithm == 0);

    r.bogus = 1;
    insecure_facts(&f, &r);
    cr_expect(!f.answered && !f.secure);
    r.bogus = 0;
    r.rcode = 2;
    insecure_facts(&f, &r);
    cr_expect(!f.answered && !f.secure);
    insecure_facts(&f, NULL);
    cr_expect(!f.answered);
}
