/*
 * The lookups that explain an insecure answer, with a DNS of the test's own (dns.h's functions
 * stand here).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dns/explain.h"

#include "worker/dns/classify.h"

#define OWN_DNS_CONTEXT 1
#include "own_dns.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char said[300];
static int times;

static void done(void *arg, const char *text)
{
    cr_expect_eq(arg, (void *)&said);
    (void)snprintf(said, sizeof(said), "%s", text);
    times++;
}

static struct explain *begin(const struct ub_result *result)
{
    return explain_begin(1, "x.example.net.", result, done, &said);
}

static struct ub_result insecure = {.havedata = 1};

Test(explain, asks_one_after_the_other)
{
    struct explain *e = begin(&insecure);

    cr_assert_not_null(e);
    cr_expect_str_eq(started.name, "x.example.net.");
    cr_expect_eq(started.type, 6);
    cr_expect_eq(times, 0);
    /* it fails: no more can be said */
    started.callback(started.arg, UB_SERVFAIL, NULL);
    cr_expect_eq(times, 1);
    cr_expect_str_eq(said, CLASSIFY_INSECURE);
}

Test(explain, cancelled)
{
    struct explain *e = begin(&insecure);

    cr_assert_not_null(e);
    explain_cancel(e);
    cr_expect_eq(cancelled, 1);
    cr_expect_eq(times, 0);
}

Test(explain, nothing_can_be_asked)
{
    fails_at = 1;
    cr_expect_null(begin(&insecure));
    cr_expect_eq(times, 1);
    cr_expect_str_eq(said, CLASSIFY_INSECURE);
}

Test(explain, nothing_is_to_be_asked)
{
    static unsigned char aa[12] = {0, 0, 0x85, 0x80};
    struct ub_result result = {.answer_packet = aa, .answer_len = sizeof(aa)};

    cr_expect_null(begin(&result));
    cr_expect_eq(times, 1);
    cr_expect_str_eq(said,
                     "libunbound answers for the zone by itself (local-zone): x.example.net.");
    cr_expect_eq(count, 0);
}
