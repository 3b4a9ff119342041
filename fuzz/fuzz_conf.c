/*
 * fuzz_conf.c: an openssl.cnf, as the dance command reads it, and the module.
 *
 * What is behind the first octet 0 is another file, which the first one can include as "more"; it
 * includes none itself, which would take a second for each input and has a bound in conf_lines.c.
 * No other file is reached: a slash is no slash here, and the environment is empty.
 *
 * Each place that is told is one in these files. A configuration that can be read is either good
 * or closes. And what "dance enable" would write to go with the file can be read by OpenSSL, and
 * leads to the module.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "combine.h"
#include "conf_file.h"
#include "conf_lines.h"
#include "config.h"
#include "must.h"
#include "policy.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define CHECKED_MAX 100 /* lines that are looked for: files that include files have many */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/dance-fuzz-XXXXXX";
static char more_path[64];
static char main_path[64];
static char made_path[64];
static int main_fd = -1, more_fd, made_fd;

static void remove_folder(void)
{
    (void)unlink(more_path);
    (void)rmdir(folder);
}

static int open_memory(char path[64])
{
    int fd = memfd_create("conf", MFD_CLOEXEC);

    must(fd >= 0);
    (void)snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static void begin(void)
{
    char to[64];

    main_fd = open_memory(main_path);
    more_fd = open_memory(to);
    made_fd = open_memory(made_path);
    must(mkdtemp(folder) != NULL);
    (void)snprintf(more_path, sizeof(more_path), "%s/more", folder);
    must(symlink(to, more_path) == 0 && atexit(remove_folder) == 0);
    must(clearenv() == 0 && setenv("OPENSSL_CONF_INCLUDE", folder, 1) == 0);
    /* libcrypto's parser ends a file that includes itself when it can open no more. */
    must(setrlimit(RLIMIT_NOFILE, &(struct rlimit){24, 24}) == 0);
}

static void put(int fd, const char *text, size_t len)
{
    must(ftruncate(fd, 0) == 0 && pwrite(fd, text, len, 0) == (ssize_t)len);
}

static void check_lines(const struct conf_lines *lines, long fault)
{
    char where[CONF_WHERE_MAX];
    unsigned checked = 0;

    for (const struct conf_line *line = conf_lines_first(lines); line != NULL; line = line->next) {
        const struct conf_line *found;

        must(line->number > 0 && line->section != NULL);
        must((line->key != NULL)
             == (line->kind == CONF_LINE_KEY || line->kind == CONF_LINE_MISSING));
        must(strcmp(line->file, main_path) == 0 || strcmp(line->file, more_path) == 0);
        must(strncmp(conf_lines_where(where, lines, line), line->file, strlen(line->file)) == 0);
        if ((line->kind != CONF_LINE_KEY && line->kind != CONF_LINE_SECTION)
            || ++checked > CHECKED_MAX)
            continue;
        found = conf_lines_find(lines, line->section, line->key);
        must(found != NULL && strcmp(found->section, line->section) == 0);
    }
    must(*conf_lines_counted(where, lines, fault) != '\0');
}

static void check_config(struct conf_file *file)
{
    struct dance_config *config = dance_config_read(conf_file_get, file);
    struct dance_rules rules;

    must(config != NULL);
    rules = dance_policy_rules(config);
    if (dance_config_fault(config, DANCE_SECTION_SERVER) != NULL)
        must(!config->present[DANCE_SECTION_SERVER]
             || (rules.level >= DANCE_CLOSED && rules.fault != NULL));
    dance_config_free(config);
}

static void check_combination(const struct conf_file *theirs)
{
    char why[1024];

    for (int first = 0; first < 2; first++) {
        struct combination wanted = {.theirs = main_path,
                                     .comment = "Written by a test.",
                                     .policy = "require",
                                     .allow = "*.example.com",
                                     .resolver = "auto",
                                     .first = first != 0,
                                     .diagnostics = first == 0};
        char *text = conf_combine(&wanted, theirs, why, sizeof(why));
        struct conf_file made;

        if (text == NULL) {
            must(*why != '\0');
            continue;
        }
        put(made_fd, text, strlen(text));
        OPENSSL_free(text);
        if (!conf_file_open(&made, made_path, why, sizeof(why))) {
            (void)fprintf(stderr, "%s\n", why);
            abort();
        }
        must(conf_file_get(&made, "server.policy") != NULL
             && strcmp(conf_file_get(&made, "server.policy"), "require") == 0);
        conf_file_close(&made);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_file_fault fault;
    struct conf_file file;
    struct conf_lines *lines;
    char *text;
    size_t len;
    char why[1024];

    if (main_fd < 0)
        begin();
    if (size > 4096)
        return 0;
    text = malloc(size + 1);
    must(text != NULL);
    for (size_t i = 0; i < size; i++)
        text[i] = data[i] == '/' ? '_' : (char)data[i];
    text[size] = '\0';
    len = strlen(text);
    for (char *at = text + len; at < text + size; at++) {
        if (*at == '.')
            *at = ',';
    }
    put(main_fd, text, len);
    put(more_fd, text + len, len < size ? size - len : 0);
    free(text);

    must(conf_file_load(&file, main_path, &fault) || *fault.why != '\0');
    conf_file_close(&file);
    lines = conf_lines_read(main_path);
    must(lines != NULL);
    check_lines(lines, fault.line);
    conf_lines_free(lines);
    /* One with dance in it is not combined with it. */
    if (conf_file_open(&file, main_path, why, sizeof(why)))
        check_config(&file);
    else if (fault.line == 0 && *fault.why == '\0')
        check_combination(&file);
    conf_file_close(&file);
    ERR_clear_error();
    return 0;
}
