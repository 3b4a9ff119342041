/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "names/patterns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct dance_patterns *parse(const char *text, const char *separators, char comment,
                                    int *result)
{
    struct dance_patterns *list = dance_patterns_new();
    const char *fault;
    const char *at;
    size_t at_len;

    cr_assert_not_null(list);
    *result =
        dance_patterns_add(list, text, strlen(text), separators, comment, &fault, &at, &at_len);
    dance_patterns_sort(list);
    return list;
}

static bool matches(const char *patterns, const char *name)
{
    int result;
    struct dance_patterns *list = parse(patterns, ",", 0, &result);
    bool match = dance_patterns_match(list, name, strlen(name));

    cr_assert_eq(result, 1, "%s", patterns);
    dance_patterns_free(list);
    return match;
}

Test(patterns, a_name_matches_itself_in_any_letter_case)
{
    cr_assert(matches("relay.example.net", "RELAY.example.NET"));
    cr_assert(matches("Relay.Example.net", "relay.example.net"));
    cr_assert_not(matches("relay.example.net", "relay.example.ne"));
    cr_assert_not(matches("relay.example.net", "a.relay.example.net"));
}

Test(patterns, a_wildcard_stands_for_one_or_more_labels)
{
    cr_assert(matches("*._device.example.com", "sensor7._device.example.com"));
    cr_assert(matches("*._device.example.com", "a.b.c._device.example.com"));
    cr_assert_not(matches("*._device.example.com", "_device.example.com"));
    cr_assert_not(matches("*._device.example.com", "x_device.example.com"));
    cr_assert_not(matches("*.example.com", "evilexample.com"));
    cr_assert_not(matches("*.example.com", "a.example.com.evil.net"));
    cr_assert(matches("*.com", "a.com"));
}

Test(patterns, a_lone_star_matches_everything)
{
    cr_assert(matches("*", "anything.at.all"));
    cr_assert(matches("a.example, *", "b.example"));
}

Test(patterns, lists_are_searched_whole)
{
    const char *list = "z.example, *.m.example ,a.example,,  *.b.c.example";

    cr_assert(matches(list, "z.example"));
    cr_assert(matches(list, "a.example"));
    cr_assert(matches(list, "1.m.example"));
    cr_assert(matches(list, "2.1.b.c.example"));
    cr_assert_not(matches(list, "m.example"));
    cr_assert_not(matches(list, "b.c.example"));
    cr_assert_not(matches(list, "c.example"));
}

Test(patterns, a_file_has_lines_and_comments)
{
    int result;
    struct dance_patterns *list =
        parse("# devices\n*._device.example.com # all\r\n\nrelay.example.net", "\n", '#', &result);

    cr_assert_eq(result, 1);
    cr_assert_eq(dance_patterns_count(list), 2);
    cr_assert(dance_patterns_match(list, "relay.example.net", 17));
    cr_assert(dance_patterns_match(list, "s._device.example.com", 21));
    cr_assert_not(dance_patterns_match(list, "devices", 7));
    dance_patterns_free(list);
}

Test(patterns, bad_patterns_are_pointed_at)
{
    static const char *const bad[] = {"foo*", "*foo.example", "a.*.example", "*.",
                                      "**",   "example.com.", "a..b",        "b\xc3\xbc.example",
                                      NULL};

    for (size_t i = 0; bad[i] != NULL; i++) {
        struct dance_patterns *list = dance_patterns_new();
        char text[64];
        const char *fault = NULL;
        const char *at = NULL;
        size_t at_len = 0;

        (void)snprintf(text, sizeof(text), "good.example, %s", bad[i]);
        cr_assert_eq(dance_patterns_add(list, text, strlen(text), ",", 0, &fault, &at, &at_len), 0,
                     "%s", bad[i]);
        cr_assert_not_null(fault);
        cr_assert_eq(at_len, strlen(bad[i]));
        cr_assert_eq(memcmp(at, bad[i], at_len), 0);
        dance_patterns_free(list);
    }
}

Test(patterns, an_empty_list_matches_nothing)
{
    int result;
    struct dance_patterns *list = parse(" , ", ",", 0, &result);

    cr_assert_eq(dance_patterns_count(list), 0);
    cr_assert_not(dance_patterns_match(list, "a.example", 9));
    dance_patterns_free(list);
}
