/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "chain.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1800000000

/* A chain under construction. */
static uint8_t octets[DANCE_CHAIN_MAX + 64];
static size_t used;

static void begin(void)
{
    memset(octets, 0, DANCE_CHAIN_LIFETIME);
    used = DANCE_CHAIN_LIFETIME;
}

static void put(const void *from, size_t n)
{
    memcpy(octets + used, from, n);
    used += n;
}

static void put_number(uint32_t value, size_t n)
{
    for (size_t i = n; i > 0; i--)
        octets[used++] = (uint8_t)(value >> (8 * (i - 1)));
}

static void put_record(const void *owner, size_t owner_len, unsigned type, const void *rdata,
                       size_t len)
{
    put(owner, owner_len);
    put_number(type, 2);
    put_number(1, 2);
    put_number(300, 4);
    put_number((uint32_t)len, 2);
    put(rdata, len);
}

static void put_signature(uint32_t from, uint32_t until)
{
    uint8_t rdata[20] = {0};

    for (int i = 0; i < 4; i++) {
        rdata[8 + i] = (uint8_t)(until >> (24 - 8 * i));
        rdata[12 + i] = (uint8_t)(from >> (24 - 8 * i));
    }
    put_record("\1a", 3, 46, rdata, sizeof(rdata));
}

/* Records until the end; -1: malformed. Read from memory of its own size, for a sanitizer. */
static int count(size_t len)
{
    uint8_t *copy = malloc(len + 1);
    struct dance_chain_reader reader;
    struct dance_chain_record record;
    int n = 0;

    memcpy(copy, octets, len);
    dance_chain_read(&reader, copy, len);
    while (dance_chain_next(&reader, &record))
        n++;
    free(copy);
    return reader.malformed ? -1 : n;
}

Test(chain, records_are_what_was_put)
{
    struct dance_chain_reader reader;
    struct dance_chain_record record;

    begin();
    put_record("\1a\2bc", 6, 52, "\3\1\1x", 4);
    put_record("", 1, 48, "", 0);
    dance_chain_read(&reader, octets, used);
    cr_assert(dance_chain_next(&reader, &record));
    cr_assert_eq(record.owner_len, 6);
    cr_assert_eq(memcmp(record.owner, "\1a\2bc", 6), 0);
    cr_assert_eq(record.type, 52);
    cr_assert_eq(record.rr_class, 1);
    cr_assert_eq(record.ttl, 300);
    cr_assert_eq(record.rdata_len, 4);
    cr_assert_eq(memcmp(record.rdata, "\3\1\1x", 4), 0);
    cr_assert(dance_chain_next(&reader, &record));
    cr_assert_eq(record.owner_len, 1);
    cr_assert_eq(record.rdata_len, 0);
    cr_assert_not(dance_chain_next(&reader, &record));
    cr_assert_not(reader.malformed);
}

Test(chain, cut_anywhere_else_than_between_records_is_malformed)
{
    size_t first;

    begin();
    put_record("\1a\2bc", 6, 52, "\3\1\1x", 4);
    first = used;
    put_record("\1a\2bc", 6, 46, "0123456789", 10);
    for (size_t len = 0; len < used; len++)
        cr_expect_eq(count(len), len == first ? 1 : -1, "cut to %zu", len);
    cr_assert_eq(count(used), 2);
}

Test(chain, names_are_uncompressed_and_bounded)
{
    char label[64];

    memset(label, 'a', sizeof(label));
    label[0] = 63;
    begin();
    for (int i = 0; i < 3; i++)
        put(label, 64);
    put("\x3d", 1); /* 61 more: 255 in all, with the root's */
    put(label + 1, 61);
    put_record("", 1, 52, "", 0);
    cr_assert_eq(count(used), 1);
    begin();
    for (int i = 0; i < 4; i++)
        put(label, 64);
    put_record("", 1, 52, "", 0);
    cr_assert_eq(count(used), -1);
    begin();
    put_record("\xc0\x02", 2, 52, "", 0);
    cr_assert_eq(count(used), -1);
    begin();
    put_record("\x40", 1, 52, "", 0);
    cr_assert_eq(count(used), -1);
}

static const char *label_of(size_t n)
{
    static char text[256];

    memset(text, 'x', n);
    return text;
}

Test(chain, as_large_as_it_may_be_and_larger)
{
    begin();
    while (used + 261 + 11 <= DANCE_CHAIN_MAX)
        put_record("", 1, 52, label_of(250), 250);
    put_record("", 1, 52, label_of(250), DANCE_CHAIN_MAX - used - 11);
    cr_assert_eq(used, DANCE_CHAIN_MAX);
    cr_assert_gt(count(used), 10);
    used++;
    cr_assert_eq(count(used), -1);
}

Test(chain, the_window_is_what_all_signatures_share)
{
    int64_t from = 0, until = 0;

    begin();
    cr_assert_not(dance_chain_window(octets, used, NOW, &from, &until));
    put_record("\1a", 3, 52, "\3\1\1x", 4);
    cr_assert_not(dance_chain_window(octets, used, NOW, &from, &until), "nothing is signed");
    put_signature(NOW - 100, NOW + 500);
    put_signature(NOW - 50, NOW + 700);
    put_signature(NOW - 80, NOW + 600);
    cr_assert(dance_chain_window(octets, used, NOW, &from, &until));
    cr_assert_eq(from, NOW - 50);
    cr_assert_eq(until, NOW + 500);
    cr_assert_not(dance_chain_window(octets, used - 1, NOW, &from, &until), "malformed");
    put_record("\1a", 3, 46, "0123456789", 10);
    cr_assert_not(dance_chain_window(octets, used, NOW, &from, &until), "no RRSIG");
}

/* RFC 4034, section 3.1.5: serial numbers, which begin again in 2106. */
Test(chain, the_window_goes_beyond_32_bits)
{
    const int64_t late = ((int64_t)1 << 32) - 10;
    int64_t from = 0, until = 0;

    begin();
    put_signature((uint32_t)(late - 5), 20);
    cr_assert(dance_chain_window(octets, used, late, &from, &until));
    cr_assert_eq(from, late - 5);
    cr_assert_eq(until, ((int64_t)1 << 32) + 20);
}
