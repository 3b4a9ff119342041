/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "dance_wire.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define NAME "sensor7._device.example.com"

static uint8_t buf[DANCE_WIRE_MAX + 16];

static size_t query(uint32_t id, uint32_t timeout_ms, const char *name, size_t len)
{
    struct dance_wire_query q = {id, timeout_ms, name, len};

    return dance_wire_encode_query(&q, buf, sizeof(buf));
}

/* decode from a copy of its own size, so that a sanitizer sees a step beyond it */
static int decodes_query(const uint8_t *from, size_t len, struct dance_wire_query *q)
{
    uint8_t *copy = malloc(len + 1);
    int ok;

    memcpy(copy, from, len);
    ok = dance_wire_decode_query(copy, len, q);
    free(copy);
    return ok;
}

static int decodes_answer(const uint8_t *from, size_t len)
{
    static struct dance_wire_answer a;
    uint8_t *copy = malloc(len + 1);
    int ok;

    memcpy(copy, from, len);
    ok = dance_wire_decode_answer(copy, len, &a);
    free(copy);
    return ok;
}

Test(wire, conversation)
{
    cr_assert_eq(dance_wire_encode_bare(DANCE_WIRE_CONVERSATION, buf, sizeof(buf)),
                 DANCE_WIRE_HEADER);
    cr_assert_eq(memcmp(buf, "DNCE\x03\x01", 6), 0);
    cr_assert_eq(dance_wire_type(buf, 6), DANCE_WIRE_CONVERSATION);
    cr_assert_eq(dance_wire_encode_bare(DANCE_WIRE_CONVERSATION, buf, 5), 0);
}

Test(wire, wanted)
{
    const char *name = NULL;
    size_t len = 0;
    size_t written = dance_wire_encode_wanted("a.example", 9, buf, sizeof(buf));

    cr_assert_eq(written, DANCE_WIRE_HEADER + 1 + 9);
    cr_assert_eq(memcmp(buf,
                        "DNCE\x03\x04\x09"
                        "a.example",
                        written),
                 0);
    cr_assert(dance_wire_decode_wanted(buf, written, &name, &len));
    cr_assert_eq(len, 9);
    cr_assert_eq(memcmp(name, "a.example", 9), 0);
    for (size_t i = 0; i < written; i++)
        cr_expect_not(dance_wire_decode_wanted(buf, i, &name, &len), "cut to %zu", i);
    buf[written] = 'x';
    cr_expect_not(dance_wire_decode_wanted(buf, written + 1, &name, &len), "an octet too many");
    buf[6] = 0;
    cr_expect_not(dance_wire_decode_wanted(buf, DANCE_WIRE_HEADER + 1, &name, &len));
    cr_expect_eq(dance_wire_encode_wanted("", 0, buf, sizeof(buf)), 0);
    cr_expect_eq(dance_wire_encode_wanted("a.example", 9, buf, written - 1), 0);
    cr_expect_eq(dance_wire_encode_bare(DANCE_WIRE_HOLD, buf, sizeof(buf)), DANCE_WIRE_HEADER);
    cr_expect_eq(dance_wire_type(buf, 6), DANCE_WIRE_HOLD);
    cr_expect_eq(dance_wire_encode_bare(DANCE_WIRE_QUERY, buf, sizeof(buf)), 0);
}

Test(wire, page)
{
    uint64_t generation = 0;

    cr_assert_eq(dance_wire_encode_page(0x0123456789abcdefu, buf, sizeof(buf)),
                 DANCE_WIRE_PAGE_SIZE);
    cr_assert(dance_wire_decode_page(buf, DANCE_WIRE_PAGE_SIZE, &generation));
    cr_assert_eq(generation, 0x0123456789abcdefu);
    cr_assert_not(dance_wire_decode_page(buf, DANCE_WIRE_PAGE_SIZE + 1, &generation));
    cr_assert_not(dance_wire_decode_page(buf, DANCE_WIRE_PAGE_SIZE - 1, &generation));
    cr_assert_eq(dance_wire_encode_page(1, buf, DANCE_WIRE_PAGE_SIZE - 1), 0);
    buf[5] = DANCE_WIRE_ANSWER;
    cr_assert_not(dance_wire_decode_page(buf, DANCE_WIRE_PAGE_SIZE, &generation));
}

Test(wire, allow_list)
{
    char reason[DANCE_WIRE_REASON_MAX + 1];
    static char long_reason[1000];
    size_t len = dance_wire_encode_allow_list("", buf, sizeof(buf));

    cr_assert_eq(len, DANCE_WIRE_HEADER + 1);
    cr_assert(dance_wire_decode_allow_list(buf, len, reason));
    cr_assert_str_empty(reason);
    len = dance_wire_encode_allow_list("it is no\nfile", buf, sizeof(buf));
    cr_assert(dance_wire_decode_allow_list(buf, len, reason));
    cr_assert_str_eq(reason, "it is no?file");
    cr_assert_not(dance_wire_decode_allow_list(buf, len - 1, reason));
    cr_assert_not(dance_wire_decode_allow_list(buf, len + 1, reason));
    memset(long_reason, 'a', sizeof(long_reason) - 1);
    len = dance_wire_encode_allow_list(long_reason, buf, sizeof(buf));
    cr_assert_eq(len, DANCE_WIRE_ALLOW_LIST_MAX);
    cr_assert(dance_wire_decode_allow_list(buf, len, reason));
    cr_assert_eq(strlen(reason), DANCE_WIRE_REASON_MAX);
    cr_assert_eq(dance_wire_encode_allow_list("x", buf, DANCE_WIRE_HEADER + 1), 0);
}

Test(wire, type_of_something_else)
{
    static const char *const others[] = {"DNCF\x01\x01", "DNCE\x01\x01", "DNCE\x03\x63",
                                         "dnce\x01\x01"};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        cr_expect_eq(dance_wire_type((const uint8_t *)others[i], 6), 0, "%zu", i);
    cr_expect_eq(dance_wire_type((const uint8_t *)"DNCE\x03\0", 6), 0);
    for (size_t len = 0; len < 6; len++)
        cr_expect_eq(dance_wire_type((const uint8_t *)"DNCE\x03\x02", len), 0, "%zu octets", len);
}

Test(wire, query_round_trip)
{
    struct dance_wire_query q;
    size_t len = query(0xfedcba98u, DANCE_WIRE_TIMEOUT_MAX, NAME, strlen(NAME));

    cr_assert_eq(len, DANCE_WIRE_HEADER + 9 + strlen(NAME));
    cr_assert(dance_wire_decode_query(buf, len, &q));
    cr_assert_eq(q.id, 0xfedcba98u);
    cr_assert_eq(q.timeout_ms, DANCE_WIRE_TIMEOUT_MAX);
    cr_assert_eq(q.name_len, strlen(NAME));
    cr_assert_eq(memcmp(q.name, NAME, q.name_len), 0);
}

Test(wire, query_bounds)
{
    char name[300];
    struct dance_wire_query q;
    size_t len;

    memset(name, 'a', sizeof(name));
    cr_expect_eq(query(1, 1000, name, 0), 0);
    cr_expect_eq(query(1, 1000, name, DANCE_WIRE_NAME_MAX + 1), 0);
    cr_expect_eq(query(1, 0, name, 5), 0);
    cr_expect_eq(query(1, DANCE_WIRE_TIMEOUT_MAX + 1, name, 5), 0);
    len = query(1, 1, name, DANCE_WIRE_NAME_MAX);
    cr_expect_gt(len, 0);
    cr_expect(decodes_query(buf, len, &q));
    /* the same bounds when read: length octet, timeout */
    buf[14] = 254;
    cr_expect_not(decodes_query(buf, len + 1, &q));
    len = query(1, 1000, name, 5);
    memset(buf + 10, 0, 4);
    cr_expect_not(decodes_query(buf, len, &q), "no timeout");
    memset(buf + 10, 0xff, 4);
    cr_expect_not(decodes_query(buf, len, &q), "for ever");
    len = query(1, 1000, name, 1);
    buf[14] = 0;
    cr_expect_not(decodes_query(buf, len - 1, &q), "no name");
}

Test(wire, query_cut_or_longer)
{
    struct dance_wire_query q;
    size_t len = query(1, 1000, NAME, strlen(NAME));

    for (size_t n = 0; n < len; n++)
        cr_expect_not(decodes_query(buf, n, &q), "%zu octets", n);
    buf[len] = 'x';
    cr_expect_not(decodes_query(buf, len + 1, &q), "one too many");
    for (size_t room = 0; room < len; room++) {
        struct dance_wire_query again = {1, 1000, NAME, strlen(NAME)};

        cr_expect_eq(dance_wire_encode_query(&again, buf, room), 0, "in %zu octets", room);
    }
}

Test(wire, query_is_no_answer)
{
    size_t len = query(1, 1000, NAME, strlen(NAME));

    cr_expect_not(decodes_answer(buf, len));
}

static struct dance_wire_answer secure(size_t count, size_t rdata_len)
{
    static uint8_t rdata[0x10000];
    struct dance_wire_answer a = {.id = 7, .status = DANCE_WIRE_SECURE, .ttl = 3600, .reason = ""};

    for (size_t i = 0; i < sizeof(rdata); i++)
        rdata[i] = (uint8_t)i;
    a.count = count;
    for (size_t i = 0; i < count && i < DANCE_WIRE_RECORDS_MAX; i++) {
        a.record[i].rdata = rdata + i;
        a.record[i].len = rdata_len;
    }
    return a;
}

Test(wire, answer_round_trip)
{
    struct dance_wire_answer a = secure(DANCE_WIRE_RECORDS_MAX, 35);
    struct dance_wire_answer b;
    size_t len = dance_wire_encode_answer(&a, buf, sizeof(buf));

    cr_assert_gt(len, 0);
    cr_assert(dance_wire_decode_answer(buf, len, &b));
    cr_assert_eq(b.id, 7);
    cr_assert_eq(b.status, DANCE_WIRE_SECURE);
    cr_assert_eq(b.ttl, 3600);
    cr_assert_eq(b.reason_len, 0);
    cr_assert_eq(b.count, DANCE_WIRE_RECORDS_MAX);
    for (size_t i = 0; i < b.count; i++) {
        cr_assert_eq(b.record[i].len, 35);
        cr_assert_eq(memcmp(b.record[i].rdata, a.record[i].rdata, 35), 0);
    }
    for (size_t n = 0; n < len; n++)
        cr_expect_not(decodes_answer(buf, n), "%zu octets", n);
    cr_expect_not(decodes_answer(buf, len + 1), "one too many");
}

Test(wire, answer_of_every_status)
{
    char reason[DANCE_WIRE_REASON_MAX];

    memset(reason, '~', sizeof(reason));
    for (int s = DANCE_WIRE_ABSENT; s <= DANCE_WIRE_BUSY; s++) {
        struct dance_wire_answer a = {.id = 1,
                                      .status = (enum dance_wire_status)s,
                                      .ttl = 0xffffffffu,
                                      .reason = reason,
                                      .reason_len = sizeof(reason)};
        struct dance_wire_answer b;
        size_t len = dance_wire_encode_answer(&a, buf, sizeof(buf));

        cr_assert(dance_wire_decode_answer(buf, len, &b), "%d", s);
        cr_assert_eq(b.status, a.status);
        cr_assert_eq(b.ttl, a.ttl);
        cr_assert_eq(b.reason_len, sizeof(reason));
        cr_assert_eq(b.count, 0);
    }
}

Test(wire, answer_bounds_when_written)
{
    struct dance_wire_answer a = secure(1, 35);
    size_t len = dance_wire_encode_answer(&a, buf, sizeof(buf));

    for (size_t room = 0; room < len; room++)
        cr_expect_eq(dance_wire_encode_answer(&a, buf, room), 0, "in %zu octets", room);
    a.count = 0;
    cr_expect_eq(dance_wire_encode_answer(&a, buf, sizeof(buf)), 0, "secure without a record");
    a = secure(1, 35);
    a.status = DANCE_WIRE_ABSENT;
    cr_expect_eq(dance_wire_encode_answer(&a, buf, sizeof(buf)), 0, "absent with a record");
    a = secure(1, 35);
    a.reason_len = DANCE_WIRE_REASON_MAX + 1;
    cr_expect_eq(dance_wire_encode_answer(&a, buf, sizeof(buf)), 0, "a long reason");
    a = secure(1, 0x10000);
    cr_expect_eq(dance_wire_encode_answer(&a, buf, sizeof(buf)), 0, "a long record");
    a = secure(1, 35);
    a.count = DANCE_WIRE_RECORDS_MAX + 1;
    cr_expect_eq(dance_wire_encode_answer(&a, buf, sizeof(buf)), 0, "too many records");
}

Test(wire, answer_bounds_when_read)
{
    enum { STATUS = 10, REASON_LEN = 15, COUNT = 16, RECORD_LEN = 17 };
    struct dance_wire_answer a = secure(1, 35);
    size_t len = dance_wire_encode_answer(&a, buf, sizeof(buf));
    uint8_t good[128];

    memcpy(good, buf, len);
    cr_assert(decodes_answer(buf, len));
    for (int s = 0; s < 256; s++) {
        buf[STATUS] = (uint8_t)s;
        cr_expect_eq(decodes_answer(buf, len), s == DANCE_WIRE_SECURE, "status %d", s);
    }
    memcpy(buf, good, len);
    for (int n = 0; n < 256; n++) {
        buf[COUNT] = (uint8_t)n;
        cr_expect_eq(decodes_answer(buf, len), n == 1, "%d records", n);
    }
    memcpy(buf, good, len);
    for (int n = 0; n < 256; n++) {
        buf[RECORD_LEN + 1] = (uint8_t)n;
        cr_expect_eq(decodes_answer(buf, len), n == 35, "a record of %d octets", n);
    }
    /* nothing but the record's length is wrong */
    a = secure(1, 3);
    len = dance_wire_encode_answer(&a, buf, sizeof(buf));
    cr_expect(decodes_answer(buf, len));
    buf[RECORD_LEN + 1] = 2;
    cr_expect_not(decodes_answer(buf, len - 1));
}

Test(wire, answer_reason_prints)
{
    for (int c = 0; c < 256; c++) {
        char reason = (char)c;
        struct dance_wire_answer a = {
            .id = 1, .status = DANCE_WIRE_FAILED, .reason = &reason, .reason_len = 1};
        size_t len = dance_wire_encode_answer(&a, buf, sizeof(buf));

        cr_assert_gt(len, 0);
        cr_expect_eq(decodes_answer(buf, len), c >= 0x20 && c <= 0x7e, "octet %d", c);
    }
}
