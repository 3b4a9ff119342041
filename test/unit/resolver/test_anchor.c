/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/anchor.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *fault_of(const char *text)
{
    char path[] = "/tmp/dance-anchor-XXXXXX";
    int fd = mkstemp(path);
    const char *fault;

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    fault = anchor_fault(path);
    (void)unlink(path);
    return fault;
}

Test(anchor, keys)
{
    cr_expect_null(fault_of(". IN DS 20326 8 2 E06D\n"));
    cr_expect_null(fault_of("; comment\n\n$ORIGIN .\n.\t172800 IN DNSKEY 257 3 8 AwEA ; key"));
    cr_expect_null(fault_of("example.com. ds 1 13 2 00"));
}

Test(anchor, none)
{
    static const char none[] = "there is no DS or DNSKEY record in it";

    cr_expect_str_eq(fault_of(""), none);
    cr_expect_str_eq(fault_of("; . IN DS 20326 8 2 E06D\n"), none);
    cr_expect_str_eq(fault_of("example.com. IN A 192.0.2.1\nDS. IN A 192.0.2.1\n"), none);
}

Test(anchor, no_file)
{
    char folder[] = "/tmp/dance-anchor-XXXXXX";
    char path[64];

    cr_assert(mkdtemp(folder));
    cr_expect_str_eq(anchor_fault(folder), "this is not a file");
    (void)snprintf(path, sizeof(path), "%s/fifo", folder);
    cr_expect_str_eq(anchor_fault(path), "No such file or directory");
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_str_eq(anchor_fault(path), "this is not a file");
    (void)unlink(path);
    (void)rmdir(folder);
}
