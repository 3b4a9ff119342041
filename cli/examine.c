/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "examine.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX 2048
#define UNREAD "until then OpenSSL reads nothing of the file, says nothing, and loads no module"

/* A finding at a line that is not the one that counts. */
static void say_at(struct examination *x, enum report_severity severity,
                   const struct conf_line *line, const char *remedy, const char *what)
{
    char where[CONF_WHERE_MAX];

    report_add(x->report, severity, conf_lines_where(where, x->lines, line), remedy, "%s", what);
}

static bool load(struct examination *x)
{
    struct conf_file_fault fault;
    char where[CONF_WHERE_MAX];
    const char *remedy = "correct the line; " UNREAD;

    if (conf_file_load(&x->file, x->path, &fault))
        return true;
    (void)conf_lines_counted(where, x->lines, fault.line);
    if (fault.line == 0)
        remedy = "name the file that the application reads; it must be readable for it";
    else if (fault.no_variable)
        remedy = "set the variable in the application's environment, or write the value; " UNREAD;
    report_add(x->report, REPORT_FAULT, where, remedy, "%s", fault.why);
    return false;
}

/* What the lines tell that libcrypto does not. */
static void check_files(struct examination *x)
{
    const struct conf_line *line = conf_lines_first(x->lines);

    for (; line != NULL; line = line->next) {
        if (line->kind == CONF_LINE_BOM)
            say_at(x, strcmp(line->file, x->path) == 0 ? REPORT_WARNING : REPORT_FAULT, line,
                   "save it as UTF-8 without a byte order mark; where OpenSSL takes the mark for a "
                   "part of the line it reads nothing of the file",
                   "the file begins with a byte order mark");
        else if (line->kind == CONF_LINE_MISSING)
            say_at(x, REPORT_WARNING, line, "correct the path, or take the line out",
                   "what it includes does not exist; OpenSSL goes on without a word");
    }
}

/* A line of another section than [default] that sets the key. */
static const struct conf_line *find_elsewhere(const struct examination *x, const char *key)
{
    const struct conf_line *line = conf_lines_first(x->lines);

    while (line != NULL
           && (line->kind != CONF_LINE_KEY || strcmp(line->key, key) != 0
               || strcmp(line->section, "default") == 0))
        line = line->next;
    return line;
}

static bool find_start(struct examination *x)
{
    static const char key[] = "openssl_conf";
    const struct conf_line *elsewhere = find_elsewhere(x, key);
    const char *node = conf_file_value(&x->file, "default", "nodejs_conf");
    char text[TEXT_MAX];

    x->start = key;
    x->init = conf_file_value(&x->file, "default", key);
    if (x->init != NULL)
        return true;
    if (elsewhere != NULL) {
        (void)snprintf(text, sizeof(text),
                       "openssl_conf stands in [%s]; it counts in [default] or before the first "
                       "section only, so OpenSSL loads nothing",
                       elsewhere->section);
        say_at(
            x, REPORT_FAULT, elsewhere,
            "move it to the top of the file, before the first section, or behind a line [default]",
            text);
        /* What it leads to is looked at all the same. */
        x->init = conf_file_value(&x->file, elsewhere->section, key);
        return x->init != NULL;
    }
    if (node == NULL) {
        examination_say(x, REPORT_FAULT, NULL, NULL,
                        "begin the file with [default], openssl_conf = dance_init, and the section "
                        "[dance_init] with providers = ...; see openssl.cnf.example",
                        "[default] has no openssl_conf, so OpenSSL loads nothing");
        return false;
    }
    examination_say(x, REPORT_WARNING, "default", "nodejs_conf",
                    "set openssl_conf to the same section, for every other application",
                    "there is nodejs_conf, which Node.js alone reads, and no openssl_conf");
    x->start = "nodejs_conf";
    x->init = node;
    return true;
}

/* libcrypto takes "providers.x" for one more line of the same kind. */
static bool is_providers(const char *key)
{
    static const char name[] = "providers";
    size_t len = strlen(name);

    return strncmp(key, name, len) == 0 && (key[len] == '\0' || key[len] == '.');
}

static void check_twice(struct examination *x, const char *section, const char *key)
{
    const struct conf_line *first = conf_lines_next(x->lines, NULL, section, key);
    const struct conf_line *second =
        first != NULL ? conf_lines_next(x->lines, first, section, key) : NULL;
    char where[CONF_WHERE_MAX];
    char text[TEXT_MAX];

    if (second == NULL)
        return;
    (void)conf_lines_where(where, x->lines, conf_lines_find(x->lines, section, key));
    (void)snprintf(text, sizeof(text), "[%s] has %s twice; OpenSSL takes the last one, %s alone",
                   section, key, where);
    say_at(x, REPORT_FAULT, first, "leave one of them", text);
}

/* found: the last one leads to the module. Then a file that includes another one may well mean it.
 */
static void check_overridden(struct examination *x, const char *section, const char *key,
                             bool found)
{
    const struct conf_line *last = conf_lines_find(x->lines, section, key);
    const struct conf_line *first = conf_lines_next(x->lines, NULL, section, key);

    if (first == NULL || first == last || (found && strcmp(first->file, last->file) != 0))
        return;
    check_twice(x, section, key);
}

static const STACK_OF(CONF_VALUE) * section_of(const struct examination *x, const char *name)
{
    return NCONF_get_section(x->file.conf, name);
}

/* Is this value of activate one that every OpenSSL takes for yes (up to 3.1 takes any)? */
static bool is_yes(const char *value)
{
    static const char *const words[] = {"1", "yes", "YES", "true", "TRUE", "on", "ON"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(value, words[i]) == 0)
            return true;
    }
    return false;
}

static bool is_active(const struct examination *x, const CONF_VALUE *provider)
{
    const char *value = conf_file_value(&x->file, provider->value, "activate");

    return value != NULL && is_yes(value);
}

static void check_activate(struct examination *x)
{
    const char *value = conf_file_value(&x->file, x->file.module, "activate");

    if (value == NULL)
        examination_say(x, REPORT_FAULT, x->file.module, NULL, "add activate = 1 to the section",
                        "[%s] has no activate, so OpenSSL does not load the module",
                        x->file.module);
    else if (!is_yes(value))
        examination_say(
            x, REPORT_FAULT, x->file.module, "activate", "write activate = 1",
            "activate = %s: whether the module is loaded depends on the version of OpenSSL", value);
}

/* The name of a provider that brings the algorithms of TLS: libcrypto's own, or anybody's. */
static bool has_algorithms(const struct examination *x, const CONF_VALUE *provider, bool *known)
{
    static const char *const none[] = {"null", "base",         "legacy",     "pkcs11",
                                       "tpm2", "tpm2-openssl", "oqsprovider"};
    const char *identity = conf_file_value(&x->file, provider->value, "identity");
    const char *dot = strchr(provider->name, '.');
    const char *name = identity != NULL ? identity : dot != NULL ? dot + 1 : provider->name;

    *known = strcmp(name, "default") == 0 || strcmp(name, "fips") == 0;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        if (strcmp(name, none[i]) == 0)
            return false;
    }
    return true;
}

/* Once a provider is activated by name, libcrypto activates no other by itself. */
static void check_default(struct examination *x, const char *section)
{
    const STACK_OF(CONF_VALUE) *providers = section_of(x, section);
    const CONF_VALUE *other = NULL;
    const CONF_VALUE *idle = NULL;

    for (int i = 0; i < sk_CONF_VALUE_num(providers); i++) {
        const CONF_VALUE *provider = sk_CONF_VALUE_value(providers, i);
        bool known;

        if (conf_file_is_dance(&x->file, provider) || !has_algorithms(x, provider, &known))
            continue;
        if (known && is_active(x, provider))
            return;
        if (known)
            idle = provider;
        else if (is_active(x, provider))
            other = provider;
    }
    if (other != NULL)
        examination_say(
            x, REPORT_WARNING, section, other->name,
            "add default = default_sect here, and [default_sect] with activate = 1, unless "
            "this provider has everything that TLS needs",
            "of the providers with algorithms only %s is activated, not default", other->name);
    else
        examination_say(
            x, REPORT_FAULT, idle != NULL ? idle->value : section, NULL,
            idle != NULL ? "add activate = 1 to the section"
                         : "add default = default_sect here, and a section [default_sect] "
                           "with activate = 1",
            "the default provider is not activated; once another one is, OpenSSL does not "
            "activate it by itself, and has no algorithms");
}

/* Go through the providers that a section lists. true: one of them is ours. */
static bool find_module(struct examination *x, const char *key, const char *section)
{
    const STACK_OF(CONF_VALUE) *providers = section_of(x, section);

    if (providers == NULL) {
        examination_say(x, REPORT_FAULT, x->init, key, "correct the name, or add the section",
                        "%s names [%s], which does not exist; OpenSSL stops there", key, section);
        return false;
    }
    for (int i = 0; i < sk_CONF_VALUE_num(providers); i++) {
        const CONF_VALUE *provider = sk_CONF_VALUE_value(providers, i);

        if (section_of(x, provider->value) == NULL) {
            /* Behind the module it is for the application to miss what is not loaded. */
            examination_say(x, x->file.module == NULL ? REPORT_FAULT : REPORT_WARNING, section,
                            provider->name, "correct the name, or add the section",
                            "%s names [%s], which does not exist; OpenSSL stops there and loads no "
                            "provider from here on",
                            provider->name, provider->value);
        } else if (conf_file_is_dance(&x->file, provider)) {
            if (x->file.module == NULL) {
                x->file.module = provider->value;
                x->name = provider->name;
            } else if (x->second == NULL) {
                x->second = provider->value;
            }
        }
    }
    if (x->file.module != NULL)
        check_default(x, section);
    return x->file.module != NULL;
}

/* The section that openssl_conf names. true: the module was found. */
static bool walk(struct examination *x)
{
    const STACK_OF(CONF_VALUE) *init = section_of(x, x->init);
    const CONF_VALUE *providers = NULL;
    bool found;

    if (init == NULL) {
        examination_say(
            x, REPORT_FAULT, "default", x->start, "correct the name, or add the section",
            "%s names [%s], which does not exist, so OpenSSL loads nothing", x->start, x->init);
        return false;
    }
    for (int i = 0; i < sk_CONF_VALUE_num(init); i++) {
        const CONF_VALUE *line = sk_CONF_VALUE_value(init, i);

        if (!is_providers(line->name)) {
            if (providers == NULL)
                x->before = line->name;
            continue;
        }
        providers = line;
        found = find_module(x, line->name, line->value);
        check_overridden(x, x->init, line->name, found);
        if (found)
            return true;
    }
    if (providers == NULL)
        examination_say(x, REPORT_FAULT, x->init, NULL,
                        "add providers = provider_sect as the first line of the section, and "
                        "[provider_sect] with default and dance",
                        "[%s], which %s names, has no providers, so OpenSSL loads no module",
                        x->init, x->start);
    else if (section_of(x, providers->value) != NULL)
        examination_say(x, REPORT_FAULT, providers->value, NULL,
                        "add dance = dance_sect to it, and [dance_sect] with module = dance.so and "
                        "activate = 1",
                        "[%s] lists no provider with the module dance.so", providers->value);
    return false;
}

bool examine_file(struct examination *x)
{
    bool found;

    x->lines = conf_lines_read(x->path);
    if (x->lines == NULL) {
        report_add(x->report, REPORT_FAULT, x->path, "try again", "out of memory");
        return false;
    }
    check_files(x);
    if (!load(x) || !find_start(x))
        return false;
    found = walk(x);
    check_overridden(x, "default", x->start, found);
    if (!found)
        return false;
    check_activate(x);
    return true;
}
