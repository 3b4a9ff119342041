/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "patterns.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct dance_patterns *parse(const char *text, enum dance_patterns_form form)
{
    struct dance_patterns_fault fault;

    return dance_patterns_read(text, strlen(text), form, &fault);
}

/* As it is read, and as it is mapped: one must not differ from the other. */
static bool matches(const char *patterns, const char *name)
{
    struct dance_patterns *list = parse(patterns, DANCE_PATTERNS_VALUE);
    struct dance_patterns_fault fault;
    int fd = dance_patterns_memfd(patterns, strlen(patterns), DANCE_PATTERNS_VALUE, &fault);
    struct dance_patterns *mapped = dance_patterns_map(fd);
    bool match;

    cr_assert_not_null(list, "%s", patterns);
    cr_assert_not_null(mapped, "%s", patterns);
    (void)close(fd);
    match = dance_patterns_match(list, name, strlen(name));
    cr_assert_eq(dance_patterns_match(mapped, name, strlen(name)), match);
    dance_patterns_rest(mapped);
    cr_assert_eq(dance_patterns_match(mapped, name, strlen(name)), match);
    dance_patterns_free(list);
    dance_patterns_free(mapped);
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
    struct dance_patterns *list = parse("a.example, *.example", DANCE_PATTERNS_VALUE);

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
        struct dance_patterns *list = parse(text, DANCE_PATTERNS_VALUE);

        split(&l, text);
        if ((list != NULL) != (is_any(&l) || l.is_name))
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
    char all[LISTS][PATTERNS_MAX * (LEN_MAX + 2)] = {""};
    char text[LEN_MAX + 1] = "";
    size_t count = 0;

    while (count < PATTERNS_MAX && next_string(text)) {
        struct labels *p = &pattern[count];

        split(p, text);
        if ((!p->is_name && !is_any(p)) || strlen(text) > FIXED_MAX + (p->star ? 2 : 0))
            continue;
        alone[count] = parse(text, DANCE_PATTERNS_VALUE);
        if (!is_any(p)) {
            (void)strcat(all[count % LISTS], text);
            (void)strcat(all[count % LISTS], ",");
        }
        count++;
    }
    cr_assert_eq(count, 97);
    for (size_t i = 0; i < LISTS; i++)
        list[i] = parse(all[i], DANCE_PATTERNS_VALUE);
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
    struct dance_patterns *list = parse(
        "# devices\n*._device.example.com # all\r\n\nrelay.example.net\n", DANCE_PATTERNS_FILE);

    cr_assert_not_null(list);
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
        struct dance_patterns_fault fault;
        char text[64];

        (void)snprintf(text, sizeof(text), "good.example, %s", bad[i]);
        cr_assert_null(dance_patterns_read(text, strlen(text), DANCE_PATTERNS_VALUE, &fault), "%s",
                       bad[i]);
        cr_assert_not_null(fault.text);
        cr_assert_eq(fault.at_len, strlen(bad[i]));
        cr_assert_eq(memcmp(fault.at, bad[i], fault.at_len), 0);
    }
}

Test(patterns, a_file_whose_last_line_has_no_end_is_not_complete)
{
    struct dance_patterns_fault fault;

    cr_assert_null(dance_patterns_read("a.example\nb.exam", 16, DANCE_PATTERNS_FILE, &fault));
    cr_assert_not_null(strstr(fault.text, "last line"));
    cr_assert_eq(fault.at_len, 0);
    dance_patterns_free(dance_patterns_read("", 0, DANCE_PATTERNS_FILE, &fault));
}

Test(patterns, the_names_stand_one_to_a_line_and_an_empty_one_ends_them)
{
    static const char text[] = "B.example, *.c.example, a.example, *, b.example";
    static const char expected[] = "b.example\na.example\nb.example\n";
    struct dance_patterns *list = parse(text, DANCE_PATTERNS_VALUE);
    size_t len, names;
    const char *listed = dance_patterns_names(list, &len, &names);

    cr_assert_eq(names, 3);
    cr_assert_eq(len, sizeof(expected) - 1);
    cr_assert_eq(memcmp(listed, expected, len), 0);
    cr_assert_eq(listed[len], '\n');
    dance_patterns_free(list);
}

/* Whatever is in it: a sanitizer or the kernel would see a step beyond it. */
Test(patterns, a_spoilt_list_is_none_or_touches_nothing_else)
{
    static const char text[] = "a.example\n*.b.example\nc.d.example\n";
    struct dance_patterns_fault fault;
    int good = dance_patterns_memfd(text, sizeof(text) - 1, DANCE_PATTERNS_FILE, &fault);
    unsigned char octets[512], spoilt[512];
    ssize_t size = pread(good, octets, sizeof(octets), 0);
    static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};

    cr_assert(size > 0 && size < (ssize_t)sizeof(octets));
    for (ssize_t i = 0; i < size; i++) {
        for (size_t v = 0; v < sizeof(values); v++) {
            int fd = memfd_create("spoilt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
            struct dance_patterns *list;

            memcpy(spoilt, octets, (size_t)size);
            spoilt[i] = values[v];
            cr_assert_eq(write(fd, spoilt, (size_t)size), size);
            cr_assert_null(dance_patterns_map(fd));
            cr_assert_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK), 0);
            list = dance_patterns_map(fd);
            if (list != NULL) {
                (void)dance_patterns_match(list, "a.example", 9);
                (void)dance_patterns_match(list, "x.b.example", 11);
                (void)dance_patterns_match(list, "unknown.example", 15);
            }
            dance_patterns_free(list);
            (void)close(fd);
        }
    }
    cr_assert_null(dance_patterns_map(-1));
}

#define MANY 100000

Test(patterns, a_long_list)
{
    char *text = malloc((size_t)MANY * 40);
    size_t len = 0;
    struct dance_patterns_fault fault;
    struct dance_patterns *list;

    for (int i = 0; i < MANY; i++)
        len += (size_t)sprintf(text + len, "%sSensor%d.example.com\n", i % 10 == 0 ? "*." : "", i);
    list = dance_patterns_read(text, len, DANCE_PATTERNS_FILE, &fault);
    cr_assert_not_null(list);
    cr_assert_eq(dance_patterns_count(list), MANY);
    for (int i = 0; i < MANY + 1000; i++) {
        char name[64];
        int name_len = snprintf(name, sizeof(name), "sensor%d.example.com", i);

        if (dance_patterns_match(list, name, (size_t)name_len) != (i < MANY && i % 10 != 0))
            cr_assert(false, "%s", name);
        name_len = snprintf(name, sizeof(name), "x.sensor%d.example.com", i);
        if (dance_patterns_match(list, name, (size_t)name_len) != (i < MANY && i % 10 == 0))
            cr_assert(false, "%s", name);
    }
    dance_patterns_free(list);
    free(text);
}

Test(patterns, an_empty_list_matches_nothing)
{
    struct dance_patterns *list = parse(" , ", DANCE_PATTERNS_VALUE);

    cr_assert_eq(dance_patterns_count(list), 0);
    cr_assert_not(dance_patterns_match(list, "a.example", 9));
    dance_patterns_free(list);
}
