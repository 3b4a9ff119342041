/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/classify.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define DENIAL 40u

static struct dance_wire_answer answer;
static struct classify_reason reason;

static char tlsa[35] = "\x03\x01\x01";

static void classify(const struct ub_result *result)
{
    memset(&answer, 0xa5, sizeof(answer));
    classify_result(&answer, &reason, 0, result, DENIAL);
}

/* a secure result of n records of len octets each; the caller does not free */
static struct ub_result secure(size_t n, int len)
{
    struct ub_result r = {.havedata = 1, .secure = 1, .ttl = 300};

    r.data = calloc(n + 1, sizeof(char *));
    r.len = calloc(n + 1, sizeof(int));
    for (size_t i = 0; i < n; i++) {
        r.data[i] = tlsa;
        r.len[i] = len;
    }
    return r;
}

static void expect(enum dance_wire_status status, const char *text)
{
    cr_expect_eq(answer.status, status, "status %d, %s", (int)answer.status, reason.text);
    cr_expect_eq(answer.reason_len, strlen(text));
    cr_expect_str_eq(reason.text, text);
    cr_expect_eq(answer.count, 0);
}

Test(classify, secure)
{
    struct ub_result r = secure(2, 35);

    classify(&r);
    cr_assert_eq(answer.status, DANCE_WIRE_SECURE);
    cr_assert_eq(answer.count, 2);
    cr_assert_eq(answer.ttl, 300);
    cr_assert_eq(answer.reason_len, 0);
    cr_assert_eq(answer.record[1].len, 35);
    cr_assert_eq((const void *)answer.record[1].rdata, (const void *)tlsa);
}

Test(classify, data_counts_only_when_secure)
{
    struct ub_result r = secure(1, 35);

    r.secure = 0;
    classify(&r);
    expect(DANCE_WIRE_INSECURE, "the zone is not signed, or no trust anchor covers it");
    cr_expect_eq(answer.ttl, DENIAL);
    /* contradictions of a library are decided for the worse */
    r = secure(1, 35);
    r.bogus = 1;
    classify(&r);
    expect(DANCE_WIRE_BOGUS, "validation failed");
    r = secure(1, 35);
    r.rcode = 2;
    classify(&r);
    expect(DANCE_WIRE_FAILED, "the DNS answers SERVFAIL");
}

Test(classify, absent)
{
    struct ub_result r = {.secure = 1, .ttl = 60, .rcode = 3, .nxdomain = 1};

    classify(&r);
    expect(DANCE_WIRE_ABSENT, "the name does not exist");
    cr_expect_eq(answer.ttl, DENIAL);
    r.ttl = 20;
    r.rcode = 0;
    r.nxdomain = 0;
    classify(&r);
    expect(DANCE_WIRE_ABSENT, "the name exists, but has no TLSA record");
    cr_expect_eq(answer.ttl, 20);
    r.ttl = -1;
    classify(&r);
    cr_expect_eq(answer.ttl, 0);
    r.secure = 0;
    classify(&r);
    expect(DANCE_WIRE_INSECURE, "the zone is not signed, or no trust anchor covers it");
}

Test(classify, bogus)
{
    static char why[] = "signature expired";
    struct ub_result r = {.bogus = 1, .rcode = 2, .ttl = 9999, .why_bogus = why};

    classify(&r);
    expect(DANCE_WIRE_BOGUS, "signature expired");
    cr_expect_eq(answer.ttl, CLASSIFY_FAILURE_TTL);
}

Test(classify, what_failed_first)
{
    static char why[][200] = {
        "validation failure <x. TLSA IN>: signature expired from 192.0.2.1",
        "validation failure <x. TLSA IN>: key for validation z. is marked as invalid because of a "
        "previous validation failure <y.z. TLSA IN>: signature expired from 192.0.2.1",
        "validation failure <x. TLSA IN>: ",
        "validation failure <x",
        "",
    };
    struct ub_result r = {.bogus = 1, .why_bogus = why[0]};

    classify(&r);
    expect(DANCE_WIRE_BOGUS, "signature expired from 192.0.2.1");
    r.why_bogus = why[1];
    classify(&r);
    expect(DANCE_WIRE_BOGUS, "signature expired from 192.0.2.1");
    for (int i = 2; i < 5; i++) {
        r.why_bogus = why[i];
        classify(&r);
        expect(DANCE_WIRE_BOGUS, why[i]);
    }
}

Test(classify, failures)
{
    struct ub_result r = {.secure = 1, .rcode = 5};

    classify(&r);
    expect(DANCE_WIRE_FAILED, "the DNS answers REFUSED");
    r.rcode = -1;
    classify(&r);
    cr_expect_eq(answer.status, DANCE_WIRE_FAILED);
    r.rcode = 4711;
    classify(&r);
    cr_expect_eq(answer.status, DANCE_WIRE_FAILED);
    classify_result(&answer, &reason, UB_NOMEM, NULL, DENIAL);
    expect(DANCE_WIRE_FAILED, "out of memory");
    classify_result(&answer, &reason, 0, NULL, DENIAL);
    cr_expect_eq(answer.status, DANCE_WIRE_FAILED);
    cr_expect_eq(answer.ttl, CLASSIFY_FAILURE_TTL);
}

Test(classify, bounds)
{
    struct ub_result r = secure(DANCE_WIRE_RECORDS_MAX, 35);

    classify(&r);
    cr_expect_eq(answer.status, DANCE_WIRE_SECURE);
    r = secure(DANCE_WIRE_RECORDS_MAX + 1, 35);
    classify(&r);
    expect(DANCE_WIRE_FAILED, "there are more than 100 TLSA records");
    r = secure(2, 40000);
    classify(&r);
    expect(DANCE_WIRE_FAILED, "the TLSA records are too large");
}

Test(classify, what_is_no_record)
{
    static char text[] = "what there is has less than the three octets of a TLSA record";
    struct ub_result r = secure(3, 35);

    r.len[1] = 2;
    classify(&r);
    cr_assert_eq(answer.status, DANCE_WIRE_SECURE);
    cr_assert_eq(answer.count, 2);
    cr_expect_eq(answer.record[0].len, 35);
    cr_expect_eq(answer.record[1].len, 35);
    cr_expect_eq(answer.ttl, 300);
    r.len[0] = 3;
    r.len[2] = -1;
    classify(&r);
    cr_assert_eq(answer.status, DANCE_WIRE_SECURE);
    cr_assert_eq(answer.count, 1);
    cr_expect_eq(answer.record[0].len, 3);
    r.len[0] = 0;
    classify(&r);
    expect(DANCE_WIRE_ABSENT, text);
    cr_expect_eq(answer.ttl, DENIAL);
}

Test(classify, largest_fits_the_wire)
{
    static char rdata[0x10000];
    static uint8_t buf[DANCE_WIRE_MAX];
    struct ub_result r = secure(1, 0);

    r.data[0] = rdata;
    for (int len = 64000; len <= 0xffff; len++) {
        r.len[0] = len;
        classify(&r);
        answer.id = 1;
        cr_assert_gt(dance_wire_encode_answer(&answer, buf, sizeof(buf)), 0, "%d octets", len);
    }
}

Test(classify, ttl)
{
    struct ub_result r = secure(1, 35);

    r.ttl = -1;
    classify(&r);
    cr_expect_eq(answer.ttl, 0);
    r.ttl = 0x7fffffff;
    classify(&r);
    cr_expect_eq(answer.ttl, CLASSIFY_TTL_MAX);
}

Test(classify, reason_prints_and_is_bounded)
{
    char text[1000];

    memset(text, 'x', sizeof(text));
    text[999] = '\0';
    classify_failure(&answer, &reason, DANCE_WIRE_FAILED, text);
    cr_expect_eq(answer.reason_len, DANCE_WIRE_REASON_MAX);
    classify_failure(&answer, &reason, DANCE_WIRE_FAILED, "a\nb\x1b[0m\xc3\xa9\x7f");
    expect(DANCE_WIRE_FAILED, "a?b?[0m???");
}
