/* Lists of names from strangers. Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "dance_wire.h"
#include "name_list.h"
#include "wanted.h"

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

static void refused(const char *text, size_t len)
{
    int fd = list(text, len, F_SEAL_WRITE | F_SEAL_SHRINK);

    cr_expect_null(name_list_hold(fd, 0), "%.20s", text);
    cr_expect_eq(wanted_count(), 0);
    close(fd);
}

Test(name_list, holds_until_released)
{
    static const char text[] = "a.example.com\nB.example.com\nc.example.com\n";
    int fd = list(text, strlen(text), F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    struct name_list *one = name_list_hold(fd, 0);
    struct name_list *two = name_list_hold(fd, 0);
    size_t len;
    int context;

    close(fd);
    cr_assert_not_null(one);
    cr_assert_not_null(two);
    cr_expect_eq(wanted_held(), 3);
    cr_expect_eq(memcmp(wanted_due(0, &len, &context), "a.example.com", 13), 0);
    name_list_release(one, 0);
    cr_expect_eq(wanted_held(), 3);
    name_list_release(two, 0);
    cr_expect_eq(wanted_held(), 0);
    cr_expect_eq(wanted_count(), 0);
    cr_expect_null(wanted_due(1000000, &len, &context));
}

Test(name_list, an_empty_one_is_good)
{
    int fd = list("", 0, F_SEAL_WRITE | F_SEAL_SHRINK);
    struct name_list *one = name_list_hold(fd, 0);

    cr_assert_not_null(one);
    name_list_release(one, 0);
    close(fd);
}

Test(name_list, what_is_no_list)
{
    static char many[DANCE_WIRE_LIST_NAMES_MAX * 2 + 2];

    refused("a.example.com", 13);
    refused("a.example.com\n\n", 15);
    refused("a..example.com\n", 15);
    refused("a.example.com\nb\0.example.com\n", 29);
    for (size_t i = 0; i < sizeof(many); i += 2)
        memcpy(many + i, "a\n", 2);
    refused(many, sizeof(many));
}

Test(name_list, descriptors_that_might_keep_us_waiting)
{
    int pipes[2];
    int fd = list("a.example.com\n", 14, F_SEAL_WRITE);

    cr_expect_null(name_list_hold(fd, 0), "it may shrink");
    close(fd);
    fd = list("a.example.com\n", 14, F_SEAL_SHRINK);
    cr_expect_null(name_list_hold(fd, 0), "it may change");
    close(fd);
    cr_assert_eq(pipe(pipes), 0);
    cr_expect_null(name_list_hold(pipes[0], 0));
    fd = open("/dev/zero", O_RDONLY);
    cr_expect_null(name_list_hold(fd, 0));
    close(fd);
    fd = open("/proc/self/exe", O_RDONLY);
    cr_expect_null(name_list_hold(fd, 0));
    close(fd);
    fd = memfd_create("list", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    cr_assert_eq(ftruncate(fd, (off_t)DANCE_WIRE_LIST_MAX + 1), 0);
    cr_assert_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK), 0);
    cr_expect_null(name_list_hold(fd, 0), "too large");
    cr_expect_null(name_list_hold(-1, 0));
}
