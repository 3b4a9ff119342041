/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "comment.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/dance-comment-XXXXXX";
static char path[64];

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/openssl.cnf", folder);
}

static void write_at(const char *where, const char *text)
{
    FILE *file = fopen(where, "we");

    cr_assert_not_null(file);
    cr_assert(fputs(text, file) >= 0);
    cr_assert_eq(fclose(file), 0);
}

static void remove_folder(void)
{
    (void)unlink(path);
    (void)rmdir(folder);
}

TestSuite(comment, .init = make_folder, .fini = remove_folder);

static bool took(const char *text, const char *value)
{
    write_at(path, text);
    return dance_comment_took(path, "forward", value);
}

Test(comment, what_stands_directly_behind_something)
{
    cr_expect(took("[dns]\nforward = 192.0.2.53#dns.example.net\n", "192.0.2.53"));
    cr_expect(took("forward=192.0.2.53#dns.example.net", "192.0.2.53"));
    cr_expect(took("forward = 192.0.2.1\\#a.example, 192.0.2.53@5353#b\n",
                   "192.0.2.1#a.example, 192.0.2.53@5353"));
    cr_expect(took("forward = \"192.0.2.53\"#dns.example.net\n", "192.0.2.53"));
    cr_expect(
        took("forward = 192.0.2.1, \\\n192.0.2.53#dns.example.net\n", "192.0.2.1, 192.0.2.53"));
    cr_expect(took("forward = #\nforward = 192.0.2.53#x\n", "192.0.2.53"));
}

Test(comment, what_is_a_comment)
{
    cr_expect_not(took("forward = 192.0.2.53 # of the provider\n", "192.0.2.53"));
    cr_expect_not(took("forward = 192.0.2.53\n# forward = 192.0.2.53#x\n", "192.0.2.53"));
    cr_expect_not(took("forward = 192.0.2.53\\#dns.example.net\n", "192.0.2.53#dns.example.net"));
    cr_expect_not(took("forward = \"192.0.2.53#dns.example.net\"\n", "192.0.2.53#dns.example.net"));
    cr_expect_not(took("forwards = 192.0.2.53#x\n", "192.0.2.53"));
    cr_expect_not(took("forward = 192.0.2.54#x\n", "192.0.2.53"));
    cr_expect_not(took("", "192.0.2.53"));
}

Test(comment, what_is_no_file_does_not_keep_us)
{
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_not(dance_comment_took(path, "forward", "192.0.2.53"));
    cr_expect_not(dance_comment_took("/dev/tty", "forward", "192.0.2.53"));
}

Test(comment, files_that_are_included)
{
    char other[80];
    char inner[96];
    char text[300];

    (void)snprintf(other, sizeof(other), "%s/more", folder);
    (void)snprintf(inner, sizeof(inner), "%s/dns.cnf", other);
    cr_assert_eq(mkdir(other, 0700), 0);
    write_at(inner, "forward = 192.0.2.53#x\n");
    (void)snprintf(text, sizeof(text), ".include %s\n", other);
    cr_expect(took(text, "192.0.2.53"));
    (void)snprintf(text, sizeof(text), ".include = %s # ours\n", inner);
    cr_expect(took(text, "192.0.2.53"));
    /* One that includes itself has an end. */
    (void)snprintf(text, sizeof(text), ".include %s\n.include %s\n", path, path);
    cr_expect_not(took(text, "192.0.2.53"));
    cr_expect_not(dance_comment_took(other, "forward", "192.0.2.53"));
    (void)unlink(inner);
    cr_expect_not(dance_comment_took(inner, "forward", "192.0.2.53"));
    (void)rmdir(other);
}
