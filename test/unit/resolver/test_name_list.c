/* Lists of names from strangers. Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "dance_wire.h"
#include "worker/lookups/domains.h"
#include "worker/lookups/wanted.h"
#include "worker/peers/name_list.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int list(const char *text, size_t len, int seals)
{
    int fd = memfd_create("list", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    cr_assert_eq(write(fd, text, len), (ssize_t)len);
    cr_assert_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void open_names(void)
{
    wanted_open();
    cr_assert(names_open());
    cr_assert(domains_open(10));
}
TestSuite(name_list, .init = open_names);

static char queued; /* whose address is the owner */
static int told_good;
static int told_bad;

static void told(void *owner, bool good)
{
    cr_expect_eq(owner, (void *)&queued);
    if (good)
        told_good++;
    else
        told_bad++;
}

/* Do all there is to do; how many slices that took. */
static unsigned work(void)
{
    unsigned slices = 0;

    for (; name_lists_have_work(); slices++)
        name_lists_work(0, told);
    return slices;
}

static struct name_list *queue(const char *text, size_t len)
{
    return name_list_open(list(text, len, F_SEAL_WRITE | F_SEAL_SHRINK), &queued);
}

static void refused(const char *text, size_t len)
{
    struct name_list *bad = queue(text, len);
    int before = told_bad;

    cr_assert_not_null(bad);
    (void)work();
    cr_expect_eq(told_bad, before + 1, "%.20s", text);
    cr_expect_eq(wanted_count(), 0);
    name_list_close(bad);
    cr_expect_not(name_lists_have_work());
}

Test(name_list, holds_until_released)
{
    static const char text[] = "a.example.com\nB.example.com\nc.example.com\n";
    int fd = list(text, strlen(text), F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    struct name_list *one = name_list_open(dup(fd), &queued);
    struct name_list *two = name_list_open(fd, &queued);
    cr_assert_not_null(one);
    cr_assert_not_null(two);
    cr_expect_eq(wanted_held(), 0);
    (void)work();
    cr_expect_eq(told_good, 2);
    cr_expect_eq(wanted_held(), 3);
    cr_expect_str_eq(name_text(wanted_due(10, 0)), "a.example.com");
    name_list_close(one);
    (void)work();
    cr_expect_eq(wanted_held(), 3);
    name_list_close(two);
    (void)work();
    cr_expect_eq(wanted_held(), 0);
    cr_expect_eq(wanted_count(), 0);
    cr_expect_null(wanted_due(10, 1000000));
}

Test(name_list, an_empty_one_is_good)
{
    struct name_list *one = queue("", 0);

    cr_assert_not_null(one);
    (void)work();
    cr_expect_eq(told_good, 1);
    name_list_close(one);
    cr_expect_not(name_lists_have_work());
}

/* As many names as a list may have, a slice at a time, and closed at each stage. */
Test(name_list, a_long_one_is_read_and_released_in_slices)
{
    static char text[DANCE_WIRE_LIST_NAMES_MAX * 20];
    size_t len = 0;
    struct name_list *one;
    unsigned slices;

    for (unsigned i = 0; i < DANCE_WIRE_LIST_NAMES_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "n%u.example.com\n", i);
    one = queue(text, len);
    slices = work();
    cr_expect_eq(told_good, 1);
    cr_expect_geq(slices, 2000, "%u", slices);
    cr_expect_leq(slices, 2010, "%u", slices);
    cr_expect_eq(wanted_held(), DANCE_WIRE_LIST_NAMES_MAX);
    name_list_close(one);
    cr_expect_eq(work(), 1000);
    for (unsigned stage = 0; stage < slices; stage += 900) {
        one = queue(text, len);
        for (unsigned i = 0; i < stage; i++)
            name_lists_work(0, told);
        name_list_close(one);
        (void)work();
        cr_expect_eq(wanted_count(), 0);
    }
    cr_expect_eq(told_good, 1);
    cr_expect_eq(told_bad, 0);
}

/* The names of a list that takes the place of another one are not let go in between. */
Test(name_list, one_after_the_other)
{
    static const char text[] = "a.example.com\n";
    struct name_list *one = queue(text, strlen(text));
    struct name_list *two;

    (void)work();
    two = queue(text, strlen(text));
    name_list_close(one);
    while (name_lists_have_work()) {
        cr_expect_eq(wanted_held(), 1);
        name_lists_work(0, told);
    }
    cr_expect_eq(wanted_held(), 1);
    name_list_close(two);
    (void)work();
    cr_expect_eq(wanted_held(), 0);
}

Test(name_list, an_empty_line_ends_it_whatever_follows)
{
    static const char text[] = "a.example.com\nb.example.com\n\n*.example.com\n\xff\0\x01";
    struct name_list *l = queue(text, sizeof(text));
    int before = told_good;

    (void)work();
    cr_expect_eq(told_good, before + 1);
    cr_expect_eq(wanted_held(), 2);
    name_list_close(l);
    (void)work();
    l = queue("\n*.example.com\n", 15);
    (void)work();
    cr_expect_eq(told_good, before + 2);
    cr_expect_eq(wanted_held(), 0);
    name_list_close(l);
    (void)work();
}

Test(name_list, names_beyond_the_longest_list_are_left_out)
{
    static char many[DANCE_WIRE_LIST_NAMES_MAX * 2 + 200];
    struct name_list *l;
    int before = told_good;

    for (size_t i = 0; i < sizeof(many); i += 2)
        memcpy(many + i, "a\n", 2);
    l = queue(many, sizeof(many));
    (void)work();
    cr_expect_eq(told_good, before + 1);
    name_list_close(l);
    (void)work();
    cr_expect_eq(wanted_held(), 0);
}

Test(name_list, what_is_no_list)
{
    static char long_line[100000];

    refused("a.example.com", 13);
    refused("a..example.com\n", 15);
    refused("a.example.com\nb\0.example.com\n", 29);
    memset(long_line, 'a', sizeof(long_line) - 1);
    long_line[sizeof(long_line) - 1] = '\n';
    refused(long_line, sizeof(long_line));
}

Test(name_list, descriptors_that_might_keep_us_waiting)
{
    int pipes[2];
    int fd = list("a.example.com\n", 14, F_SEAL_WRITE);

    cr_expect_null(name_list_open(fd, &queued), "it may shrink");
    close(fd);
    fd = list("a.example.com\n", 14, F_SEAL_SHRINK);
    cr_expect_null(name_list_open(fd, &queued), "it may change");
    close(fd);
    cr_assert_eq(pipe(pipes), 0);
    cr_expect_null(name_list_open(pipes[0], &queued));
    fd = open("/dev/zero", O_RDONLY);
    cr_expect_null(name_list_open(fd, &queued));
    close(fd);
    fd = open("/proc/self/exe", O_RDONLY);
    cr_expect_null(name_list_open(fd, &queued));
    close(fd);
    fd = memfd_create("list", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    cr_assert_eq(ftruncate(fd, (off_t)DANCE_WIRE_LIST_MAX + 1), 0);
    cr_assert_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK), 0);
    cr_expect_null(name_list_open(fd, &queued), "too large");
    cr_expect_null(name_list_open(-1, &queued));
}
