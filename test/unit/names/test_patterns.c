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

Test(patterns, what_is_no_owner_name_matches_nothing_but_a_lone_star)
{
    static const char *const odd[] = {"",
                                      ".",
                                      "..allowed.example",
                                      ".allowed.example",
                                      ".a.allowed.example",
                                      "a..allowed.example",
                                      "a.allowed.example.",
                                      "*.allowed.example",
                                      "a b.allowed.example",
                                      "b\xc3\xbc.allowed.example",
                                      NULL};

    for (size_t i = 0; odd[i] != NULL; i++) {
        cr_assert_not(matches("*.allowed.example, allowed.example", odd[i]), "%s", odd[i]);
        cr_assert(matches("*", odd[i]), "%s", odd[i]);
    }
    cr_assert(matches("*.allowed.example", "a.allowed.example"));
}

Test(patterns, a_name_with_a_nul_matches_nothing)
{
    static const char name[] = "a.example\0.b.example";
    int result;
    struct dance_patterns *list = parse("a.example, *.example", ",", 0, &result);

    cr_assert_not(dance_patterns_match(list, name, sizeof(name) - 1));
    cr_assert(dance_patterns_match(list, name, 9));
    dance_patterns_free(list);
}

/*
 * The definition, label by label: a star in the first place is one or more
 * labels, or alone any name; all other labels are themselves.
 */
#define LEN_MAX 6
#define LABELS_MAX (LEN_MAX + 1)

struct labels {
    char text[LEN_MAX + 1];
    const char *label[LABELS_MAX];
    size_t count;
    bool star;    /* the first one is a star */
    bool is_name; /* the others, and there are some, have octets and no star */
};

static void split(struct labels *l, const char *text)
{
    char *rest = memcpy(l->text, text, strlen(text) + 1);

    l->count = 0;
    while (rest != NULL)
        l->label[l->count++] = strsep(&rest, ".");
    l->star = strcmp(l->label[0], "*") == 0;
    l->is_name = l->count > (l->star ? 1 : 0);
    for (size_t i = l->star ? 1 : 0; i < l->count; i++)
        l->is_name = l->is_name && *l->label[i] != '\0' && strchr(l->label[i], '*') == NULL;
}

static bool is_any(const struct labels *pattern)
{
    return pattern->star && pattern->count == 1;
}

static bool defined_to_match(const struct labels *pattern, const struct labels *name)
{
    size_t fixed = pattern->count - (pattern->star ? 1 : 0);

    if (is_any(pattern))
        return true;
    if (!name->is_name || name->star)
        return false;
    if (pattern->star ? name->count <= fixed : name->count != fixed)
        return false;
    for (size_t i = 1; i <= fixed; i++) {
        if (strcmp(pattern->label[pattern->count - i], name->label[name->count - i]) != 0)
            return false;
    }
    return true;
}

/* The next string over the alphabet, the longer ones last; false behind the last of LEN_MAX. */
static bool next_string(char text[LEN_MAX + 1])
{
    static const char alphabet[] = "a.*_-";
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        const char *next = strchr(alphabet, text[i]) + 1;

        if (*next != '\0') {
            text[i] = *next;
            return true;
        }
        text[i] = alphabet[0];
    }
    if (len == LEN_MAX)
        return false;
    text[len] = alphabet[0];
    text[len + 1] = '\0';
    return true;
}

Test(patterns, every_short_string_is_a_pattern_or_is_not)
{
    char text[LEN_MAX + 1] = "";

    while (next_string(text)) {
        struct labels l;
        int result;
        struct dance_patterns *list = parse(text, ",", 0, &result);

        split(&l, text);
        if (result != (is_any(&l) || l.is_name))
            cr_assert(false, "%s", text);
        dance_patterns_free(list);
    }
}

#define FIXED_MAX 3      /* octets of a pattern beside its star */
#define PATTERNS_MAX 100 /* there are 97 of them */
#define LISTS 3          /* of every third pattern */

Test(patterns, every_short_name_matches_as_defined)
{
    static struct labels pattern[PATTERNS_MAX];
    struct dance_patterns *alone[PATTERNS_MAX];
    struct dance_patterns *list[LISTS];
    char text[LEN_MAX + 1] = "";
    const char *unused;
    size_t unused_len;
    size_t count = 0;
    int result;

    for (size_t i = 0; i < LISTS; i++)
        list[i] = dance_patterns_new();
    while (count < PATTERNS_MAX && next_string(text)) {
        struct labels *p = &pattern[count];

        split(p, text);
        if ((!p->is_name && !is_any(p)) || strlen(text) > FIXED_MAX + (p->star ? 2 : 0))
            continue;
        alone[count] = parse(text, ",", 0, &result);
        if (!is_any(p))
            cr_assert_eq(dance_patterns_add(list[count % LISTS], text, strlen(text), ",", 0,
                                            &unused, &unused, &unused_len),
                         1);
        count++;
    }
    cr_assert_eq(count, 97);
    for (size_t i = 0; i < LISTS; i++)
        dance_patterns_sort(list[i]);
    text[0] = '\0';
    do {
        struct labels name;
        size_t len = strlen(text);
        bool in_list[LISTS] = {false};

        split(&name, text);
        for (size_t i = 0; i < count; i++) {
            bool match = defined_to_match(&pattern[i], &name);

            if (dance_patterns_match(alone[i], text, len) != match)
                cr_assert(false, "pattern %zu, name %s", i, text);
            in_list[i % LISTS] |= match && !is_any(&pattern[i]);
        }
        for (size_t i = 0; i < LISTS; i++) {
            if (dance_patterns_match(list[i], text, len) != in_list[i])
                cr_assert(false, "list %zu, name %s", i, text);
        }
    } while (next_string(text));
    for (size_t i = 0; i < count; i++)
        dance_patterns_free(alone[i]);
    for (size_t i = 0; i < LISTS; i++)
        dance_patterns_free(list[i]);
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
