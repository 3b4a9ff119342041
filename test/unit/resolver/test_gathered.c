/* The records of answers as they stand in a chain. Copyright the dance authors.
 * SPDX-License-Identifier: Apache-2.0 */
#include "worker/collect/gathered.h"

#include "dns_message.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1700000000

/* Where names stand in a message, for what is compressed: X.Example, which is what was asked
 * for, at QUESTION. */
#define EXAMPLE 14

static struct gathered records;
static const char *why;

static void begin(unsigned answer, unsigned authority)
{
    begin_message(0x81a0, "\1X\7Example", answer, authority);
}

static void at(int name)
{
    put(0xc000U | (unsigned)name, 2);
}

static void tlsa(int owner, unsigned digest)
{
    put_head(owner, TLSA, 100, 7);
    put(0x030101, 3);
    put(digest, 4);
}

/* By the zone Example, compressed. */
static void signature_of(int owner, unsigned covered, long begins, long ends)
{
    put_head(owner, RRSIG, 90, 18 + 2 + 4);
    put(covered, 2);
    put(0x0d02, 2);
    put(3600, 4);
    put((unsigned long)(NOW + ends), 4);
    put((unsigned long)(NOW + begins), 4);
    put(7, 2);
    at(EXAMPLE);
    put(0xabcdef01, 4);
}

static void signature(int owner, unsigned covered)
{
    signature_of(owner, covered, -1000, 1000);
}

static bool take(unsigned type)
{
    return gathered_take(&records, message, used, type, NOW, &why);
}

static bool take_new(unsigned type)
{
    gathered_begin(&records);
    return take(type);
}

/* Types of the records, in their order. */
static const char *types(void)
{
    static char out[256];
    struct dance_chain_reader reader;
    struct dance_chain_record record;
    size_t n = 0;

    out[0] = '\0';
    dance_chain_read(&reader, records.octets, records.len);
    while (dance_chain_next(&reader, &record))
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%u", n > 0 ? " " : "", record.type);
    cr_expect(records.len == DANCE_CHAIN_LIFETIME || !reader.malformed);
    return out;
}

Test(gathered, names_are_written_out_in_lower_case)
{
    static const uint8_t want[] =
        "\0\0"
        "\1x\7example\0\0\x34\0\1\0\0\x0e\x10\0\7\3\1\1\0\0\0\5"
        "\1x\7example\0\0\x2e\0\1\0\0\x0e\x10\0\x1f\0\x34\x0d\2\0\0\x0e\x10"
        "\x65\x53\xf4\xe8\x65\x53\xed\x18\0\7\7example\0\xab\xcd\xef\1";

    begin(2, 0);
    tlsa(QUESTION, 5);
    signature(QUESTION, TLSA);
    cr_assert(take_new(TLSA), "%s", why);
    cr_expect_eq(records.len, sizeof(want) - 1);
    cr_expect_arr_eq(records.octets, want, sizeof(want) - 1);
    cr_expect_eq(records.ttl, 90, "the least that is left");
    cr_expect_eq(records.signers, 1);
    cr_expect_eq(records.signer[0].len, 9);
    cr_expect_arr_eq(records.signer[0].name, "\7example", 9);
}

Test(gathered, what_no_chain_has_is_left)
{
    /* the servers, a denial's SOA record, and an additional section that is not read */
    begin(2, 4);
    tlsa(QUESTION, 5);
    signature(QUESTION, TLSA);
    put_head(EXAMPLE, NS, 5, 2);
    at(QUESTION);
    signature(EXAMPLE, NS);
    put_head(EXAMPLE, SOA, 5, 2);
    at(QUESTION);
    signature(EXAMPLE, SOA);
    cr_expect(take_new(TLSA));
    cr_expect_str_eq(types(), "52 46");
    cr_expect_eq(records.ttl, 90);
    /* another class */
    begin(2, 0);
    tlsa(QUESTION, 5);
    message[used - 7 - 7] = 3;
    signature(QUESTION, TLSA);
    cr_expect_not(take_new(TLSA));
    /* of the signature */
    begin(2, 0);
    tlsa(QUESTION, 5);
    signature(QUESTION, TLSA);
    message[used - 24 - 7] = 3;
    cr_expect_not(take_new(TLSA));
}

Test(gathered, what_denies_a_wildcards_name_is_taken)
{
    begin(2, 2);
    tlsa(QUESTION, 5);
    signature(QUESTION, TLSA);
    put_head(EXAMPLE, NSEC, 80, 13);
    memcpy(message + used, "\1A\7Example\0\0\1", 13);
    used += 13;
    signature(EXAMPLE, NSEC);
    cr_expect(take_new(TLSA));
    cr_expect_str_eq(types(), "52 46 47 46");
    cr_expect_eq(records.ttl, 80);
    /* its next name is signed as it is */
    cr_expect_not_null(memmem(records.octets, records.len, "\1A\7Example", 10));
}

Test(gathered, an_alias_is_taken_and_one_that_is_made_is_not)
{
    begin(4, 0);
    put_head(QUESTION, CNAME, 10, 3);
    put(1, 1);
    put('Y', 1);
    put(0, 1);
    signature(QUESTION, CNAME);
    tlsa(EXAMPLE, 5);
    signature(EXAMPLE, TLSA);
    cr_expect(take_new(TLSA));
    cr_expect_str_eq(types(), "5 46 52 46");
    cr_expect_not_null(memmem(records.octets, records.len, "\0\3\1y", 5));
    /* of a DNAME record */
    begin(5, 0);
    put_head(EXAMPLE, DNAME, 10, 2);
    at(QUESTION);
    signature(EXAMPLE, DNAME);
    put_head(QUESTION, CNAME, 10, 2);
    at(EXAMPLE);
    tlsa(EXAMPLE, 5);
    signature(EXAMPLE, TLSA);
    cr_expect(take_new(TLSA));
    cr_expect_str_eq(types(), "39 46 52 46");
}

Test(gathered, only_signatures_that_hold)
{
    begin(5, 0);
    tlsa(QUESTION, 5);
    signature_of(QUESTION, TLSA, -1000, 0);
    signature_of(QUESTION, TLSA, -1000, -500);
    signature_of(QUESTION, TLSA, 1, 1000);
    signature(QUESTION, TLSA);
    cr_expect(take_new(TLSA));
    cr_expect_str_eq(types(), "52 46");
    /* none does */
    begin(4, 0);
    tlsa(QUESTION, 5);
    signature_of(QUESTION, TLSA, -1000, 0);
    signature_of(QUESTION, TLSA, -1000, -500);
    signature_of(QUESTION, TLSA, 1, 1000);
    cr_expect_not(take_new(TLSA));
    cr_expect_str_eq(why, "what was asked for has no signature in the answer");
    /* of something else */
    begin(3, 0);
    tlsa(QUESTION, 5);
    signature(QUESTION, DS);
    signature(EXAMPLE, TLSA);
    cr_expect_not(take_new(TLSA));
}

Test(gathered, what_was_asked_for_must_be_there)
{
    begin(2, 0);
    tlsa(QUESTION, 5);
    signature(QUESTION, TLSA);
    cr_expect_not(take_new(DNSKEY));
    begin(0, 0);
    cr_expect_not(take_new(TLSA));
}

Test(gathered, nothing_stands_twice)
{
    begin(3, 0);
    tlsa(QUESTION, 5);
    tlsa(QUESTION, 6);
    signature(QUESTION, TLSA);
    cr_expect(take_new(TLSA));
    cr_expect_str_eq(types(), "52 52 46");
    cr_expect(take(TLSA));
    cr_expect_str_eq(types(), "52 52 46");
    cr_expect_eq(records.signers, 1);
}

Test(gathered, bounds)
{
    /* a chain of 16384 octets, and one octet more */
    for (unsigned more = 0; more < 2; more++) {
        unsigned length = DANCE_CHAIN_MAX - 2 - (11 + 10 + 31) - (11 + 10) + more;

        begin(2, 0);
        put_head(QUESTION, TLSA, 100, length);
        memset(message + used, 3, length);
        used += (int)length;
        signature(QUESTION, TLSA);
        cr_expect_eq(take_new(TLSA), more == 0);
        cr_expect(more != 0 || records.len == DANCE_CHAIN_MAX);
        cr_expect(more == 0 || strcmp(why, "the chain is larger than 16384 octets") == 0);
    }
    begin(2, 0);
    put_head(QUESTION, TLSA, 100, 30000);
    used += 30000;
    signature(QUESTION, TLSA);
    cr_expect_not(take_new(TLSA));
    /* more records than are looked at */
    begin(256, 1);
    cr_expect_not(take_new(TLSA));
    /* zones */
    gathered_begin(&records);
    for (unsigned i = 0; i <= GATHERED_SIGNERS_MAX; i++) {
        begin(2, 0);
        tlsa(QUESTION, i);
        put_head(QUESTION, RRSIG, 90, 18 + 3 + 4);
        put(TLSA, 2);
        put(0x0d02, 2);
        put(3600, 4);
        put(NOW + 1000, 4);
        put(NOW - 1000, 4);
        put(7, 2);
        put(1, 1);
        put('a' + i, 1);
        put(0, 1);
        put(0, 4);
        cr_expect_eq(take(TLSA), i < GATHERED_SIGNERS_MAX);
    }
    cr_expect_str_eq(why, "its records are signed by too many zones");
}

/* Whatever is cut off, and whatever octet is another one: within the message, and no crash. */
Test(gathered, malformed)
{
    uint8_t whole[512];
    int len;

    begin(4, 2);
    put_head(QUESTION, CNAME, 10, 2);
    at(EXAMPLE);
    signature(QUESTION, CNAME);
    tlsa(EXAMPLE, 5);
    signature(EXAMPLE, TLSA);
    put_head(EXAMPLE, NSEC, 80, 5);
    at(EXAMPLE);
    put(1, 3);
    signature(EXAMPLE, NSEC);
    cr_assert(take_new(TLSA));
    len = used;
    memcpy(whole, message, (size_t)len);
    for (int cut = 0; cut < len; cut++) {
        uint8_t *exact = malloc((size_t)cut + 1);

        memcpy(exact, whole, (size_t)cut);
        gathered_begin(&records);
        cr_expect_not(gathered_take(&records, exact, cut, TLSA, NOW, &why), "%d", cut);
        free(exact);
    }
    for (int i = 0; i < len; i++) {
        for (unsigned value = 0; value < 256; value += 15) {
            memcpy(message, whole, (size_t)len);
            message[i] = (uint8_t)value;
            used = len;
            if (take_new(TLSA))
                cr_expect(strlen(types()) > 0);
        }
    }
    gathered_begin(&records);
    cr_expect_not(gathered_take(&records, NULL, 0, TLSA, NOW, &why));
}
