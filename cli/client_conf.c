/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "client_conf.h"

#include "conf_value.h"

#include <openssl/bio.h>
#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdbool.h>
#include <string.h>

#define SECTION "dance_client"

/* It begins with a section: behind an .include, too, openssl_conf counts in [default] only. */
#define BEFORE                                                                                     \
    "[default]\n"                                                                                  \
    "openssl_conf = dance_init\n"                                                                  \
    "\n"                                                                                           \
    "[dance_init]\n"                                                                               \
    "providers = dance_providers\n"                                                                \
    "\n"                                                                                           \
    "[dance_providers]\n"                                                                          \
    "default = dance_default\n"                                                                    \
    "dance = dance_module\n"                                                                       \
    "\n"                                                                                           \
    "[dance_default]\n"                                                                            \
    "activate = 1\n"                                                                               \
    "\n"                                                                                           \
    "[dance_module]\n"                                                                             \
    "module = dance.so\n"                                                                          \
    "activate = 1\n"                                                                               \
    "client = " SECTION "\n"                                                                       \
    "\n"                                                                                           \
    "[" SECTION "]\n"

static bool reads_as(const char *text, const char *key, const char *value)
{
    BIO *in = BIO_new_mem_buf(text, -1);
    CONF *conf = NCONF_new(NULL);
    const char *got = NULL;
    bool same;

    (void)ERR_set_mark();
    if (in != NULL && conf != NULL && NCONF_load_bio(conf, in, NULL) > 0)
        got = NCONF_get_string(conf, SECTION, key);
    same = got != NULL && strcmp(got, value) == 0;
    (void)ERR_pop_to_mark();
    NCONF_free(conf);
    BIO_free(in);
    return same;
}

/* What was written to out as a text. */
static char *take(BIO *out)
{
    char *data = NULL;
    long len = BIO_get_mem_data(out, &data);

    return len > 0 ? OPENSSL_strndup(data, (size_t)len) : NULL;
}

char *client_conf(const char *identity, const char *private_key, const char **why)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;

    if (out != NULL) {
        (void)BIO_printf(out, BEFORE "identity = %s\nprivate_key = ", identity);
        conf_value_write(out, private_key);
        (void)BIO_puts(out, "\n");
        text = take(out);
    }
    BIO_free(out);
    *why = text != NULL ? NULL : "out of memory";
    if (text != NULL
        && (!reads_as(text, "identity", identity) || !reads_as(text, "private_key", private_key))) {
        *why = "the place of the key cannot be written in an openssl.cnf";
        OPENSSL_free(text);
        text = NULL;
    }
    return text;
}
