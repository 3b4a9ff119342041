/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "uid.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool everybody_is_mapped(void)
{
    FILE *map = fopen("/proc/self/uid_map", "re");
    unsigned long first = 1, outside = 1, count = 0;
    bool whole =
        map != NULL
        && fscanf(map, "%lu %lu %lu", &first, &outside, &count) == 3 // NOLINT(cert-err34-c)
        && first == 0 && outside == 0 && count == 4294967295ul;

    if (map != NULL)
        (void)fclose(map);
    return whole;
}

Test(uid, where_everybody_is_mapped_nobody_stands_for_others)
{
    if (!everybody_is_mapped())
        cr_skip_test("not in this user namespace");
    cr_assert_eq(dance_uid_of_unmapped(), DANCE_UID_NONE);
}

Test(uid, in_a_user_namespace_of_its_own)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        if (unshare(CLONE_NEWUSER) != 0)
            _exit(2);
        /* Nothing is mapped: we are that uid ourselves. */
        _exit(dance_uid_of_unmapped() == geteuid() ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        cr_skip_test("no user namespaces here");
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
