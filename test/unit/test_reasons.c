/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "reasons.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <string.h>

static const struct {
    enum dance_reason reason;
    const char *text;
} listed[] = {
#define LISTED(name, text) {DANCE_R_##name, text},
    DANCE_REASONS(LISTED)
#undef LISTED
};

#define COUNT (sizeof(listed) / sizeof(listed[0]))

Test(reasons, each_has_its_text_in_the_log_and_on_the_queue)
{
    dance_reasons_load();
    for (size_t i = 0; i < COUNT; i++) {
        unsigned long error;

        cr_assert_eq((size_t)listed[i].reason, 100 + i);
        cr_assert_str_eq(dance_reason_text(listed[i].reason), listed[i].text);
        dance_raise(listed[i].reason, NULL);
        error = ERR_get_error();
        cr_assert_str_eq(ERR_lib_error_string(error), "dance");
        cr_assert_str_eq(ERR_reason_error_string(error), listed[i].text);
    }
}

Test(reasons, each_has_a_code_of_its_own)
{
    char codes[COUNT][DANCE_REASON_CODE_MAX];

    for (size_t i = 0; i < COUNT; i++) {
        dance_reason_code(listed[i].reason, codes[i]);
        cr_assert_eq(strspn(codes[i], "abcdefghijklmnopqrstuvwxyz-"), strlen(codes[i]));
        for (size_t other = 0; other < i; other++)
            cr_assert_str_neq(codes[i], codes[other]);
    }
}

Test(reasons, the_codes_stay)
{
    char code[DANCE_REASON_CODE_MAX];

    dance_reason_code(DANCE_R_TLSA_NO_MATCH, code);
    cr_assert_str_eq(code, "tlsa-no-match");
    dance_reason_code(DANCE_R_SESSION, code);
    cr_assert_str_eq(code, "session");
    dance_reason_code(DANCE_R_NONE, code);
    cr_assert_str_eq(code, "none");
}

Test(reasons, the_numbers_stay)
{
    cr_assert_eq(DANCE_R_CONFIGURATION, 100);
    cr_assert_eq(DANCE_R_STORE_SEARCH, 126);
    cr_assert_eq(DANCE_R_APPLICATION_REFUSED, 127);
}

Test(reasons, what_is_none_has_a_text_too)
{
    cr_assert_str_eq(dance_reason_text(DANCE_R_NONE), "no reason");
    cr_assert_str_eq(dance_reason_text((enum dance_reason)(100 + COUNT)), "no reason");
}
