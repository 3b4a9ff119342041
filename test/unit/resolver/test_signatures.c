/* How long signatures let an answer live. Copyright the dance authors. SPDX-License-Identifier:
 * Apache-2.0 */
#include "worker/dns/signatures.h"

#include "dns_message.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>

#define NOW 1700000000

/* A response to a question for x. TLSA, with so many records in the sections to come. */
static void begin(unsigned answer, unsigned authority)
{
    begin_message(0x81a0, "\1x", answer, authority);
}

static void record(unsigned type, unsigned length)
{
    put_head(QUESTION, type, 3600, length);
}

static void tlsa(void)
{
    record(TLSA, 35);
    put(0x030101, 3);
    for (int i = 0; i < 32; i++)
        put(0, 1);
}

static void rrsig(unsigned covered, unsigned long original, unsigned long expiration)
{
    record(RRSIG, 18 + 1 + 4);
    put(covered, 2);
    put(0x0d01, 2);
    put(original, 4);
    put(expiration, 4);
    put(NOW - 1000, 4);
    put(1, 2);
    put(0, 1);
    put(0, 4);
}

static enum signatures last;

static uint32_t limited(const void *octets, int len, uint32_t ttl, time_t now)
{
    last = signatures_limit(octets, len, &ttl, now);
    cr_expect(last == SIGNATURES_GOOD || ttl == 0);
    return ttl;
}

Test(signatures, the_smallest_counts)
{
    begin(2, 0);
    tlsa();
    rrsig(TLSA, 3600, NOW + 100000);
    cr_expect_eq(limited(message, used, 3000, NOW), 3000);
    cr_expect_eq(limited(message, used, 3600, NOW), 3600, "the TTL that was signed");
    cr_expect_eq(limited(message, used, 3600, NOW + 99990), 10, "the signature's end");
    cr_expect_eq(limited(message, used, 0, NOW), 0);
}

/* What a cache kept beyond the TTL that was signed would get that TTL anew, however old it is. */
Test(signatures, a_ttl_does_not_begin_anew)
{
    begin(2, 0);
    tlsa();
    rrsig(TLSA, 3, NOW + 100000);
    for (uint32_t left = 3600; left > 3; left -= 3)
        cr_expect_eq(limited(message, used, left, NOW), 0, "%u s left", left);
    cr_expect_eq(last, SIGNATURES_GOOD);
    cr_expect_eq(limited(message, used, 3, NOW), 3);
    cr_expect_eq(limited(message, used, 2, NOW), 2);
    /* of a denial too */
    begin(0, 2);
    rrsig(SOA, 3600, NOW + 5000);
    rrsig(NSEC, 60, NOW + 5000);
    cr_expect_eq(limited(message, used, 61, NOW), 0);
    cr_expect_eq(limited(message, used, 60, NOW), 60);
    /* and of an alias's */
    begin(4, 0);
    rrsig(CNAME, 60, NOW + 5000);
    tlsa();
    tlsa();
    rrsig(TLSA, 3600, NOW + 5000);
    cr_expect_eq(limited(message, used, 61, NOW), 0);
}

Test(signatures, several)
{
    /* during a change of keys: one is over, of the others the one that ends first counts */
    begin(4, 0);
    tlsa();
    rrsig(TLSA, 3600, NOW - 5);
    rrsig(TLSA, 3600, NOW + 50);
    rrsig(TLSA, 3600, NOW + 40);
    cr_expect_eq(limited(message, used, 3600, NOW), 40);
}

Test(signatures, none_that_is_good)
{
    begin(2, 0);
    tlsa();
    rrsig(TLSA, 3600, NOW);
    cr_expect_eq(limited(message, used, 3600, NOW), 0);
    cr_expect_eq(last, SIGNATURES_OVER);
    begin(1, 0);
    tlsa();
    cr_expect_eq(limited(message, used, 3600, NOW), 0);
    cr_expect_eq(last, SIGNATURES_UNKNOWN);
    /* Each RRset needs one: those of another do not help. */
    begin(3, 1);
    tlsa();
    rrsig(TLSA, 3600, NOW - 1);
    rrsig(5, 3600, NOW + 100);
    rrsig(NSEC, 3600, NOW + 100);
    cr_expect_eq(limited(message, used, 3600, NOW), 0);
    cr_expect_eq(last, SIGNATURES_OVER);
    begin(100, 0);
    for (int i = 0; i < 100; i++)
        rrsig(TLSA, 3600, NOW + 100);
    cr_expect_eq(limited(message, used, 3600, NOW), 0);
    cr_expect_eq(last, SIGNATURES_UNKNOWN, "too many to be looked at");
}

static bool over(int len, time_t now)
{
    (void)limited(message, len, 3600, now);
    return last == SIGNATURES_OVER;
}

Test(signatures, over)
{
    begin(3, 0);
    tlsa();
    rrsig(TLSA, 3600, NOW - 5);
    rrsig(TLSA, 3600, NOW + 50);
    cr_expect_not(over(used, NOW), "one is good");
    cr_expect(over(used, NOW + 50));
    begin(3, 1);
    rrsig(CNAME, 3600, NOW);
    tlsa();
    rrsig(TLSA, 3600, NOW + 50);
    rrsig(NSEC, 3600, NOW + 50);
    cr_expect(over(used, NOW), "the alias's");
    cr_expect_not(over(used, NOW - 1));
    begin(2, 1);
    tlsa();
    rrsig(TLSA, 3600, NOW + 50);
    rrsig(NSEC, 3600, NOW - 50);
    cr_expect(over(used, NOW), "that of the proof that a wildcard may stand for the name");
    begin(2, 1);
    tlsa();
    rrsig(TLSA, 3600, NOW + 50);
    rrsig(NS, 3600, NOW - 50);
    cr_expect_not(over(used, NOW), "that of the zone's servers is beside the point");
    begin(1, 0);
    tlsa();
    cr_expect_not(over(used, NOW), "there is none");
}

Test(signatures, of_denials_and_wildcards)
{
    begin(0, 2);
    rrsig(SOA, 900, NOW + 5000);
    rrsig(NSEC, 900, NOW + 70);
    cr_expect_eq(limited(message, used, 900, NOW), 70);
    /* The zone's servers are beside the point. */
    begin(2, 2);
    tlsa();
    rrsig(TLSA, 3600, NOW + 5000);
    rrsig(NS, 10, NOW + 10);
    rrsig(NSEC, 900, NOW + 5000);
    cr_expect_eq(limited(message, used, 900, NOW), 900);
}

Test(signatures, times_wrap_around)
{
    /* RFC 4034, section 3.1.5: beyond 2106 the number begins anew. */
    begin(2, 0);
    tlsa();
    rrsig(TLSA, 3600, 4);
    cr_expect_eq(limited(message, used, 3600, 0xfffffff0L), 20);
}

Test(signatures, malformed)
{
    begin(2, 0);
    tlsa();
    rrsig(TLSA, 3600, NOW + 5000);
    for (int i = 0; i < used; i++) {
        uint8_t *copy = malloc((size_t)i + 1);

        memcpy(copy, message, (size_t)i);
        cr_expect_eq(limited(copy, i, 3600, NOW), 0, "cut to %d octets", i);
        free(copy);
    }
    cr_expect_eq(limited(NULL, 0, 3600, NOW), 0);
    begin(1, 0);
    record(RRSIG, 17);
    for (int i = 0; i < 17; i++)
        put(0xff, 1);
    cr_expect_eq(limited(message, used, 3600, NOW), 0, "too short for a signature");
}
