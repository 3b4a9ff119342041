/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "conf_lines.h"

#include <criterion/criterion.h>
#include <openssl/conf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/dance-lines-XXXXXX";
static char main_path[64];
static char more_path[64];

static void begin(void)
{
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(main_path, sizeof(main_path), "%s/main.cnf", folder);
    (void)snprintf(more_path, sizeof(more_path), "%s/more.cnf", folder);
}

static void end(void)
{
    (void)unlink(main_path);
    (void)unlink(more_path);
    (void)rmdir(folder);
}

TestSuite(conf_lines, .init = begin, .fini = end);

static void put(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");

    cr_assert(out != NULL && fputs(text, out) >= 0 && fclose(out) == 0);
}

/* Where a key (NULL: the header) stands, without the folder. */
static const char *at(const struct conf_lines *lines, const char *section, const char *key)
{
    static char out[CONF_WHERE_MAX];

    return conf_lines_where(out, lines, conf_lines_find(lines, section, key)) + strlen(folder) + 1;
}

Test(conf_lines, places)
{
    struct conf_lines *lines;

    put(main_path, "a = 1\n"
                   "# a = 2 \\\n"
                   "a = 3\n"
                   "[ one ] # x\n"
                   "b = x \\\n"
                   "  c = 1\n"
                   "  c=#\n"
                   "default::d = 4\n"
                   "c = 2\\\\\n"
                   "e = 1\r\n"
                   "[two]\n"
                   "[one]\n"
                   "no key\n"
                   "f = 1");
    lines = conf_lines_read(main_path);
    cr_assert_not_null(lines);
    cr_expect_str_eq(at(lines, "default", "a"), "main.cnf:1");
    cr_expect_str_eq(at(lines, "one", NULL), "main.cnf:4");
    cr_expect_str_eq(at(lines, "one", "b"), "main.cnf:5");
    cr_expect_str_eq(at(lines, "one", "c"), "main.cnf:9");
    cr_expect_str_eq(at(lines, "one", "e"), "main.cnf:10");
    cr_expect_str_eq(at(lines, "one", "f"), "main.cnf:14");
    cr_expect_str_eq(at(lines, "one", "g"), "main.cnf:4");
    cr_expect_str_eq(at(lines, "default", "d"), "main.cnf:8");
    cr_expect_str_eq(at(lines, "two", NULL), "main.cnf:11");
    cr_expect_str_eq(at(lines, "three", "d"), "main.cnf");
    cr_expect_eq(conf_lines_next(lines, NULL, "one", "c")->number, 7);
    conf_lines_free(lines);
}

/* A faulty line of the file or of what it includes is where OpenSSL says that it is. */
static void faulty(const char *said)
{
    struct conf_lines *lines = conf_lines_read(main_path);
    CONF *conf = NCONF_new(NULL);
    char out[CONF_WHERE_MAX];
    long line = 0;

    cr_assert_not_null(lines);
    cr_expect_leq(NCONF_load(conf, main_path, &line), 0);
    cr_expect_str_eq(conf_lines_counted(out, lines, line) + strlen(folder) + 1, said, "%ld %s",
                     line, out);
    NCONF_free(conf);
    conf_lines_free(lines);
}

Test(conf_lines, included)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "x = 1\n.include %s\n[two]\ny = \\\n1\nthis is none\n",
                   more_path);
    put(main_path, text);
    put(more_path, "[one]\nz = 1\nnone either\n");
    faulty("more.cnf:3");
    put(more_path, "[one]\nz = 1");
    faulty("main.cnf:6");
    put(more_path, "");
    faulty("main.cnf:6");
    (void)unlink(more_path);
    faulty("main.cnf:6");
    /* How many lines there are in it is not known. */
    put(more_path, "[one]\nz = 1\n");
    (void)snprintf(text, sizeof(text), "x = %s\n.include $x\ny = 1\nthis is none\n", more_path);
    put(main_path, text);
    faulty("main.cnf");
    (void)snprintf(text, sizeof(text), "x = %s\nthis is none\n.include $x\n", more_path);
    put(main_path, text);
    faulty("main.cnf:2");
}

Test(conf_lines, section_goes_on_and_what_is_missing)
{
    char text[256];
    struct conf_lines *lines;
    const struct conf_line *line;

    put(more_path, "\xef\xbb\xbf[one]\nz = 1\n");
    (void)snprintf(text, sizeof(text),
                   ".pragma includedir:%s\n.include more.cnf\ny = 1\n"
                   ".include nothing.cnf\n.include %s\n",
                   folder, main_path);
    put(main_path, text);
    lines = conf_lines_read(main_path);
    cr_assert_not_null(lines);
    cr_expect_str_eq(at(lines, "one", "z"), "more.cnf:2");
    line = conf_lines_first(lines);
    cr_expect_eq(line->kind, CONF_LINE_BOM);
    cr_expect_not_null(strstr(line->file, "more.cnf"));
    line = conf_lines_next(lines, NULL, "one", "y");
    cr_assert_not_null(line);
    cr_expect_eq(line->number, 3);
    cr_expect_eq(line->next->kind, CONF_LINE_MISSING);
    cr_expect_not_null(strstr(line->next->key, "/nothing.cnf"));
    conf_lines_free(lines);
    lines = conf_lines_read("/dev/null/x");
    cr_assert_not_null(lines);
    cr_expect_null(conf_lines_first(lines));
    conf_lines_free(lines);
}
