/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "loaded.h"

#include "conf_value.h"

#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the module says of itself. */
struct state {
    int good;
    char *text; /* NULL: it was not loaded */
};

static int find(OSSL_PROVIDER *provider, void *to)
{
    struct state *state = to;
    char *name = NULL;
    char *text = NULL;
    int good = 0;
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, &name, 0),
                           OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, &text, 0),
                           OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, &good), OSSL_PARAM_END};

    if (OSSL_PROVIDER_get_params(provider, params) && name != NULL && text != NULL
        && strcmp(name, "DANE TLS client authentication") == 0)
        *state = (struct state){good, text};
    return 1;
}

/* The first thing that goes wrong, without what is tried in vain on the way to it. */
static void explain(char *text, size_t size)
{
    const char *data;
    unsigned long error;
    int flags;

    while ((error = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        const char *reason = ERR_reason_error_string(error);

        if (ERR_GET_LIB(error) == ERR_LIB_DSO || ERR_SYSTEM_ERROR(error))
            continue;
        (void)snprintf(text, size, "%s%s%s", reason != NULL ? reason : "error",
                       (flags & ERR_TXT_STRING) != 0 && *data != '\0' ? ": " : "",
                       (flags & ERR_TXT_STRING) != 0 ? data : "");
        return;
    }
    (void)snprintf(text, size, "it does not say why");
}

static bool load_strictly(const void *path, char *text, size_t size)
{
    ERR_clear_error();
    if (CONF_modules_load_file(path, NULL, CONF_MFLAGS_DEFAULT_SECTION) > 0)
        return true;
    explain(text, size);
    return false;
}

bool loaded_says(char *text, size_t size)
{
    struct state state = {0, NULL};

    (void)OSSL_PROVIDER_do_all(NULL, find, &state);
    (void)snprintf(text, size, "%s", state.text != NULL ? state.text : "");
    return state.text != NULL && state.good == 1;
}

bool loaded_has_algorithms(void)
{
    EVP_MD *digest = EVP_MD_fetch(NULL, "SHA2-256", NULL);

    EVP_MD_free(digest);
    return digest != NULL;
}

/* In the same way as an application without code of its own for it. */
static bool load(const void *path, char *text, size_t size)
{
    (void)CONF_modules_load_file(path, NULL,
                                 CONF_MFLAGS_DEFAULT_SECTION | CONF_MFLAGS_IGNORE_MISSING_FILE
                                     | CONF_MFLAGS_IGNORE_RETURN_CODES);
    if (!loaded_says(text, size))
        return false;
    if (loaded_has_algorithms())
        return true;
    (void)snprintf(text, size,
                   "an application would have no algorithms with it, as what it activates "
                   "besides does not bring them\nwhat to do: activate the provider default "
                   "there, or install the module that is to be in its place");
    return false;
}

bool loaded_in_force(const char *path, char why[TRIAL_TEXT_MAX])
{
    char stopped[TRIAL_TEXT_MAX];

    why[0] = '\0';
    if (trial(load, path, NULL, why))
        return true;
    if (why[0] != '\0')
        return false;
    if (loaded_cleanly(path, stopped))
        (void)snprintf(why, TRIAL_TEXT_MAX, "OpenSSL does not load dance.so; is it installed?");
    else
        (void)snprintf(why, TRIAL_TEXT_MAX, "OpenSSL does not load dance.so: %.1900s", stopped);
    return false;
}

struct settings {
    const char *path;
    const char *ssl_conf;
};

/* The file with an init section that has nothing but ssl_conf. */
static bool make_context(const void *from, char *text, size_t size)
{
    const struct settings *settings = from;
    CONF *conf = NCONF_new(NULL);
    BIO *in = BIO_new(BIO_s_mem());
    SSL_CTX *ctx = NULL;

    if (conf != NULL && in != NULL) {
        (void)BIO_puts(in, ".include ");
        conf_value_write(in, settings->path);
        (void)BIO_puts(in, "\n[default]\nopenssl_conf = dance_trial\n[dance_trial]\nssl_conf = ");
        conf_value_write(in, settings->ssl_conf);
        (void)BIO_puts(in, "\n");
        if (NCONF_load_bio(conf, in, NULL) > 0)
            (void)CONF_modules_load(conf, NULL,
                                    CONF_MFLAGS_DEFAULT_SECTION | CONF_MFLAGS_IGNORE_RETURN_CODES);
        ERR_clear_error();
        ctx = SSL_CTX_new(TLS_method());
    }
    if (ctx == NULL)
        explain(text, size);
    SSL_CTX_free(ctx);
    BIO_free(in);
    NCONF_free(conf);
    return ctx != NULL;
}

bool loaded_makes_contexts(const char *path, const char *ssl_conf, char why[TRIAL_TEXT_MAX])
{
    const struct settings settings = {path, ssl_conf};

    why[0] = '\0';
    return ssl_conf == NULL || trial(make_context, &settings, NULL, why);
}

bool loaded_cleanly(const char *path, char why[TRIAL_TEXT_MAX])
{
    why[0] = '\0';
    return trial(load_strictly, path, NULL, why);
}
