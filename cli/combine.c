/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "combine.h"

#include "conf_value.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PREFIX_MAX 16

struct writer {
    const struct combination *wanted;
    const struct conf_file *theirs;
    BIO *out;
    const char *init;        /* their init section; NULL: none */
    const char *providers;   /* their section of providers; NULL: none */
    char prefix[PREFIX_MAX]; /* of the names of our sections */
};

static bool exists(const struct writer *w, const char *section)
{
    return w->theirs->conf != NULL && NCONF_get_section(w->theirs->conf, section) != NULL;
}

static const char *value_of(const struct writer *w, const char *section, const char *key)
{
    return section != NULL && w->theirs->conf != NULL ? conf_file_value(w->theirs, section, key)
                                                      : NULL;
}

/* Names of sections that they have none of. */
static bool find_prefix(struct writer *w)
{
    static const char *const endings[] = {"init",   "providers", "default", "module",
                                          "server", "client",    "dns"};

    for (unsigned n = 1; n < 100; n++) {
        bool free_to_take = true;

        (void)snprintf(w->prefix, sizeof(w->prefix), n == 1 ? "dance" : "dance%u", n);
        for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
            char name[64];

            (void)snprintf(name, sizeof(name), "%s_%s", w->prefix, endings[i]);
            free_to_take = free_to_take && !exists(w, name);
        }
        if (free_to_take)
            return true;
    }
    return false;
}

static void write_line(struct writer *w, const char *key, const char *value)
{
    (void)BIO_printf(w->out, "%s = ", key);
    conf_value_write(w->out, value);
    (void)BIO_puts(w->out, "\n");
}

static void write_section(struct writer *w, const char *ending)
{
    (void)BIO_printf(w->out, "\n[%s_%s]\n", w->prefix, ending);
}

static void write_begin(struct writer *w)
{
    const char *node = value_of(w, "default", "nodejs_conf");

    (void)BIO_printf(w->out, "# %s\n", w->wanted->comment);
    if (w->wanted->theirs != NULL) {
        (void)BIO_puts(w->out, ".include ");
        conf_value_write(w->out, w->wanted->theirs);
        (void)BIO_puts(w->out, "\n");
    }
    (void)BIO_printf(w->out, "\n[default]\nopenssl_conf = %s_init\n", w->prefix);
    if (node == NULL || (w->init != NULL && strcmp(node, w->init) == 0))
        (void)BIO_printf(w->out, "nodejs_conf = %s_init\n", w->prefix);
    if (w->wanted->diagnostics && value_of(w, "default", "config_diagnostics") == NULL)
        (void)BIO_puts(w->out, "config_diagnostics = 1\n");
}

/* Providers first: whatever fails before them leaves them unread. */
static void write_init(struct writer *w)
{
    const STACK_OF(CONF_VALUE) *lines =
        w->init != NULL ? NCONF_get_section(w->theirs->conf, w->init) : NULL;

    write_section(w, "init");
    if (w->providers != NULL && !w->wanted->first)
        write_line(w, "providers", w->providers);
    else
        (void)BIO_printf(w->out, "providers = %s_providers\n", w->prefix);
    for (int i = 0; i < sk_CONF_VALUE_num(lines); i++) {
        const CONF_VALUE *line = sk_CONF_VALUE_value(lines, i);

        if (strcmp(line->name, "providers") != 0)
            write_line(w, line->name, line->value);
    }
}

/* Once a provider is activated, OpenSSL does not activate default by itself any more. */
static bool needs_default(const struct writer *w)
{
    const STACK_OF(CONF_VALUE) *lines =
        w->providers != NULL ? NCONF_get_section(w->theirs->conf, w->providers) : NULL;

    for (int i = 0; i < sk_CONF_VALUE_num(lines); i++) {
        const char *value =
            conf_file_value(w->theirs, sk_CONF_VALUE_value(lines, i)->value, "activate");

        /* 3.0 takes every value for yes; then one line more does no harm. */
        if (value != NULL && strpbrk(value, "0nNfF") != value && strcasecmp(value, "off") != 0)
            return false;
    }
    return true;
}

static void write_providers(struct writer *w)
{
    bool own = w->providers == NULL || w->wanted->first;
    const char *theirs = value_of(w, w->providers, "default");
    bool add_default = needs_default(w);
    const STACK_OF(CONF_VALUE) *lines =
        own && w->providers != NULL ? NCONF_get_section(w->theirs->conf, w->providers) : NULL;

    if (own)
        write_section(w, "providers");
    else
        (void)BIO_printf(w->out, "\n[%s]\n", w->providers);
    (void)BIO_printf(w->out, "dance = %s_module\n", w->prefix);
    /* Before those at which OpenSSL may stop, or the application would have no algorithms. */
    if (own && theirs != NULL)
        write_line(w, "default", theirs);
    for (int i = 0; i < sk_CONF_VALUE_num(lines); i++) {
        const CONF_VALUE *line = sk_CONF_VALUE_value(lines, i);

        if (strcmp(line->name, "default") != 0)
            write_line(w, line->name, line->value);
    }
    if (!add_default)
        return;
    if (theirs == NULL)
        (void)BIO_printf(w->out, "default = %s_default\n", w->prefix);
    if (theirs == NULL)
        write_section(w, "default");
    else
        (void)BIO_printf(w->out, "\n[%s]\n", theirs);
    (void)BIO_puts(w->out, "activate = 1\n");
}

static void write_roles(struct writer *w)
{
    const struct combination *wanted = w->wanted;

    write_section(w, "module");
    (void)BIO_puts(w->out, "module = dance.so\nactivate = 1\n");
    if (wanted->identity != NULL)
        (void)BIO_printf(w->out, "client = %s_client\n", w->prefix);
    if (wanted->allow != NULL)
        (void)BIO_printf(w->out, "server = %s_server\ndns = %s_dns\n", w->prefix, w->prefix);
    if (wanted->identity != NULL) {
        write_section(w, "client");
        write_line(w, "identity", wanted->identity);
        write_line(w, "private_key", wanted->private_key);
    }
    if (wanted->allow != NULL) {
        write_section(w, "server");
        write_line(w, "policy", wanted->policy);
        write_line(w, "allow", wanted->allow);
        write_section(w, "dns");
        write_line(w, "resolver", wanted->resolver);
    }
}

/* May this line read otherwise than in their file? */
static bool is_ours(const struct writer *w, const char *section, const char *key)
{
    const char *theirs = value_of(w, w->providers, "default");

    return (strcmp(section, "default") == 0
            && (strcmp(key, "openssl_conf") == 0 || strcmp(key, "nodejs_conf") == 0))
           || (theirs != NULL && strcmp(section, theirs) == 0 && strcmp(key, "activate") == 0);
}

/* Every value of their section is in that section of the text. */
static bool same_section(const struct writer *w, const struct conf_file *combined, const char *from,
                         const char *to, char *why, size_t why_size)
{
    const STACK_OF(CONF_VALUE) *lines = NCONF_get_section(w->theirs->conf, from);

    for (int i = 0; i < sk_CONF_VALUE_num(lines); i++) {
        const CONF_VALUE *line = sk_CONF_VALUE_value(lines, i);
        const char *value = conf_file_value(combined, to, line->name);

        if (is_ours(w, from, line->name) || (from != to && strcmp(line->name, "providers") == 0)
            || (value != NULL && strcmp(value, line->value) == 0))
            continue;
        (void)snprintf(
            why, why_size,
            "%s in [%s] of %s cannot be written so that OpenSSL reads it in the same way",
            line->name, from, w->wanted->theirs);
        return false;
    }
    return true;
}

static bool keeps(const struct writer *w, const struct conf_file *combined, char *why,
                  size_t why_size)
{
    STACK_OF(OPENSSL_CSTRING) * names;
    char name[64];
    bool good = true;

    if (w->theirs->conf == NULL)
        return true;
    names = NCONF_get_section_names(w->theirs->conf);
    for (int i = 0; good && i < sk_OPENSSL_CSTRING_num(names); i++) {
        const char *section = sk_OPENSSL_CSTRING_value(names, i);

        good = same_section(w, combined, section, section, why, why_size);
    }
    sk_OPENSSL_CSTRING_free(names);
    (void)snprintf(name, sizeof(name), "%s_init", w->prefix);
    if (good && w->init != NULL)
        good = same_section(w, combined, w->init, name, why, why_size);
    (void)snprintf(name, sizeof(name), "%s_providers", w->prefix);
    if (good && w->providers != NULL && w->wanted->first)
        good = same_section(w, combined, w->providers, name, why, why_size);
    return good;
}

/* A name that no header can have, one with a ']', may be said where a section is meant. */
static bool leads_to_module(const struct writer *w, const struct conf_file *combined, char *why,
                            size_t why_size)
{
    const char *section = conf_file_value(combined, "default", "openssl_conf");

    section = section != NULL ? conf_file_value(combined, section, "providers") : NULL;
    section = section != NULL ? conf_file_value(combined, section, "dance") : NULL;
    if (section != NULL && conf_file_value(combined, section, "module") != NULL)
        return true;
    (void)snprintf(why, why_size, "[%s] of %s is no name of a section that can be written",
                   w->providers != NULL ? w->providers : "", w->wanted->theirs);
    return false;
}

/* What was written, if OpenSSL reads it as it is meant. */
static char *take(const struct writer *w, char *why, size_t why_size)
{
    struct conf_file combined = {NCONF_new(NULL), NULL};
    char *data = NULL;
    long len = BIO_get_mem_data(w->out, &data);
    char *text = len > 0 ? OPENSSL_strndup(data, (size_t)len) : NULL;
    BIO *in = text != NULL ? BIO_new_mem_buf(text, -1) : NULL;
    bool good = false;

    (void)ERR_set_mark();
    (void)snprintf(why, why_size, "out of memory");
    if (in != NULL && combined.conf != NULL) {
        good = NCONF_load_bio(combined.conf, in, NULL) > 0;
        if (!good)
            (void)snprintf(why, why_size, "OpenSSL cannot read what would be written");
        good = good && keeps(w, &combined, why, why_size)
               && leads_to_module(w, &combined, why, why_size);
    }
    (void)ERR_pop_to_mark();
    BIO_free(in);
    NCONF_free(combined.conf);
    if (good)
        return text;
    OPENSSL_free(text);
    return NULL;
}

char *conf_combine(const struct combination *wanted, const struct conf_file *theirs, char *why,
                   size_t why_size)
{
    struct writer w = {.wanted = wanted, .theirs = theirs, .out = BIO_new(BIO_s_mem())};
    char *text;

    if (w.out == NULL) {
        (void)snprintf(why, why_size, "out of memory");
        return NULL;
    }
    if (!find_prefix(&w)) {
        (void)snprintf(why, why_size, "%s has a hundred sections named dance", wanted->theirs);
        BIO_free(w.out);
        return NULL;
    }
    w.init = value_of(&w, "default", "openssl_conf");
    if (w.init != NULL && !exists(&w, w.init))
        w.init = NULL;
    w.providers = value_of(&w, w.init, "providers");
    write_begin(&w);
    write_init(&w);
    write_providers(&w);
    write_roles(&w);
    text = take(&w, why, why_size);
    BIO_free(w.out);
    return text;
}
