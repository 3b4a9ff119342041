/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "reasons.h"
#include "status_print.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define NOBODY 4000000000u /* who has no name */

static char *printed(void print(const struct status *status, FILE *out),
                     const struct status *status)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    print(status, out);
    cr_assert_eq(fclose(out), 0);
    return text;
}

static void has(const char *text, const char *part)
{
    cr_assert_not_null(strstr(text, part), "%s in\n%s", part, text);
}

static struct dance_wire_status_of_user user = {.uid = NOBODY, .state = DANCE_WORKER_READY};
static struct status status = {
    .path = "/x", .told = true, .head = {"a\"b\\c", 90061, 1, 2, 3, 1}, .user = &user, .count = 1};

Test(status, prometheus_is_escaped)
{
    char *text;

    user.clients[DANCE_CLIENT_REFUSED][DANCE_R_TLSA_ABSENT - DANCE_R_BEFORE_FIRST] = 4000;
    user.clients[DANCE_CLIENT_FORGIVEN][0] = 1;
    user.figure[DANCE_ANSWERED_SECURE] = UINT64_MAX;
    text = printed(status_print_prometheus, &status);
    has(text, "\ndance_resolver_info{version=\"a\\\"b\\\\c\"} 1\n");
    has(text,
        "\ndance_clients_total{user=\"4000000000\",outcome=\"refused\",reason=\"tlsa-absent\"} "
        "4000\n");
    has(text, "outcome=\"let-on\",reason=\"none\"} 1\n");
    has(text,
        "\ndance_lookups_total{user=\"4000000000\",status=\"secure\"} 18446744073709551615\n");
    free(text);
}

Test(status, a_resolver_that_is_not_there)
{
    static const struct status none = {.path = "/x", .why = "nobody listens there"};
    char *text = printed(status_print_prometheus, &none);

    has(text, "dance_resolver_good 0\n");
    cr_assert_null(strstr(text, "dance_channels"));
    free(text);
    text = printed(status_print_json, &none);
    has(text, "\"reason\":\"nobody listens there\",\"status\":\"fault\"}");
    free(text);
}

Test(status, words)
{
    char *text;

    user.clients[DANCE_CLIENT_REFUSED][1] = 2;
    user.clients[DANCE_CLIENT_REFUSED][63] = 1;
    text = printed(status_print_text, &status);
    has(text, "running for 1 d 1 h");
    has(text, "3 refused (2 configuration, 1 reason-63)");
    has(text, "and 2 users more\n");
    free(text);
}

/* A reason has a place on the wire. */
Test(status, reasons)
{
    char code[STATUS_CODE_MAX];

    status_reason(code, DANCE_R_TLSA_NO_MATCH - DANCE_R_BEFORE_FIRST);
    cr_assert_str_eq(code, "tlsa-no-match");
    status_reason(code, 0);
    cr_assert_str_eq(code, "none");
    status_reason(code, 63);
    cr_assert_str_eq(code, "reason-63");
}
