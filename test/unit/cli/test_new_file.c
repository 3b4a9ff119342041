/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "new_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/dance-new-file-XXXXXX";
static char why[512];

static void begin(void)
{
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
}

static void end(void)
{
    (void)unlink("a");
    (void)unlink("b");
    cr_assert_eq(rmdir(folder), 0);
}

static bool write_text(const char *path, mode_t mode, const char *text)
{
    return new_file_write(path, mode, text, strlen(text), why, sizeof(why));
}

static void expect(const char *path, mode_t mode, const char *text)
{
    struct stat st;
    char got[100];
    FILE *in = fopen(path, "r");

    cr_assert_not_null(in);
    cr_assert_eq(fstat(fileno(in), &st), 0);
    cr_assert_eq(st.st_mode & 07777, mode);
    got[fread(got, 1, sizeof(got) - 1, in)] = '\0';
    cr_assert_str_eq(got, text);
    (void)fclose(in);
}

Test(new_file, has_its_mode_whatever_the_umask, .init = begin, .fini = end)
{
    (void)umask(0777);
    cr_assert(write_text("a", 0600, "key"), "%s", why);
    (void)umask(0);
    cr_assert(write_text("b", 0644, "conf"), "%s", why);
    expect("a", 0600, "key");
    expect("b", 0644, "conf");
}

Test(new_file, what_is_there_is_left, .init = begin, .fini = end)
{
    cr_assert(write_text("a", 0644, "first"));
    cr_assert_not(write_text("a", 0600, "second"));
    cr_assert_not_null(strstr(why, "a: File exists"));
    expect("a", 0644, "first");
    /* A link to nothing is something that is there. */
    cr_assert_eq(symlink("nowhere", "b"), 0);
    cr_assert_not(write_text("b", 0600, "second"));
    cr_assert_neq(access("nowhere", F_OK), 0);
}

Test(new_file, no_folder, .init = begin, .fini = end)
{
    cr_assert_not(write_text("none/a", 0600, "x"));
    cr_assert_not_null(strstr(why, "No such file"));
}

Test(new_file, is_as_its_model, .init = begin, .fini = end)
{
    struct stat model, made;

    (void)umask(077);
    cr_assert(write_text("a", 0640, "old"), "%s", why);
    /* Somebody else's, where we may. */
    if (geteuid() == 0)
        cr_assert_eq(chown("a", 12345, 54321), 0);
    cr_assert_eq(stat("a", &model), 0);
    cr_assert(new_file_write_like("b", &model, "new", 3, why, sizeof(why)), "%s", why);
    expect("b", 0640, "new");
    cr_assert_eq(stat("b", &made), 0);
    cr_assert(made.st_uid == model.st_uid && made.st_gid == model.st_gid);
    cr_assert_not(new_file_write_like("b", &model, "again", 5, why, sizeof(why)));
    expect("b", 0640, "new");
}

Test(new_file, replaced_as_it_was, .init = begin, .fini = end)
{
    struct stat before, after;

    (void)umask(077);
    cr_assert(new_file_replace("a", 0644, "one", 3, why, sizeof(why)), "%s", why);
    expect("a", 0644, "one");
    cr_assert_eq(chmod("a", 0640), 0);
    if (geteuid() == 0)
        cr_assert_eq(chown("a", 12345, 54321), 0);
    cr_assert_eq(stat("a", &before), 0);
    cr_assert(new_file_replace("a", 0644, "two", 3, why, sizeof(why)), "%s", why);
    expect("a", 0640, "two");
    cr_assert_eq(stat("a", &after), 0);
    cr_assert(before.st_uid == after.st_uid && before.st_gid == after.st_gid);
    /* Whoever has the old one open goes on reading it. */
    cr_assert_neq(before.st_ino, after.st_ino);
    cr_assert_eq(symlink("a", "b"), 0);
    cr_assert_not(new_file_replace("b", 0644, "three", 5, why, sizeof(why)));
    cr_assert_not_null(strstr(why, "it is no file"));
    expect("a", 0640, "two");
    cr_assert_not(new_file_replace(".", 0644, "x", 1, why, sizeof(why)));
    cr_assert_not(new_file_replace("none/a", 0644, "x", 1, why, sizeof(why)));
}
