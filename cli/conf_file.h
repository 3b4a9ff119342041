/*
 * conf_file.h: the dance section of an openssl.cnf, as libcrypto would hand it to the module.
 *
 * Read with libcrypto's own parser, so .include and $ENV:: mean what they mean to
 * an application that is started in the same environment. Nothing is loaded.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_CONF_FILE_H
#define DANCE_CLI_CONF_FILE_H

#include <openssl/conf.h>
#include <stdbool.h>
#include <stddef.h>

struct conf_file {
    CONF *conf;
    const char *module; /* the name of the section with module = dance.so */
};

/* Why OpenSSL reads nothing of a file. */
struct conf_file_fault {
    long line; /* as libcrypto counts, see conf_lines.h; 0: of none in particular */
    bool no_variable;
    char why[768];
};

/* Read the file; its module is not looked for. To be closed in both cases. */
bool conf_file_load(struct conf_file *file, const char *path, struct conf_file_fault *fault);

/*
 * Read the file and find the section that openssl_conf and its providers lead to. false with why,
 * which names the file, and the line where it is known. To be closed in both cases.
 */
bool conf_file_open(struct conf_file *file, const char *path, char *why, size_t why_size);
void conf_file_close(struct conf_file *file);

/* The value of a key in a section itself (not of [default]); NULL: there is none. */
const char *conf_file_value(const struct conf_file *file, const char *section, const char *key);

/* Is this line of a section of providers the module, by the name of its file or of its provider? */
bool conf_file_is_dance(const struct conf_file *file, const CONF_VALUE *provider);

/* dance_config_get of config.h, with a struct conf_file. */
const char *conf_file_get(void *file, const char *parameter);

#endif
