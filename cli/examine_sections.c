/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "examine_sections.h"

#include "comment.h"
#include "force.h"
#include "join.h"
#include "suggest.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

/* What means something in the module's section beside the table: to libcrypto, or as a role. */
static const char *const module_words[] = {"client",   "server",   "dns",      "module",
                                           "activate", "identity", "soft_load"};
#define MODULE_WORDS (sizeof(module_words) / sizeof(module_words[0]))

/* The key of the table, of this section or, where it has none, of the first that has. */
static const struct dance_config_key *find_key(enum dance_section section, const char *name)
{
    const struct dance_config_key *found = NULL;

    for (size_t i = 0; i < dance_config_keys_count; i++) {
        const struct dance_config_key *key = &dance_config_keys[i];

        if (strcmp(key->name, name) == 0 && (found == NULL || key->section == section))
            found = key;
    }
    return found;
}

static bool is_module_word(const char *name)
{
    for (size_t i = 0; i < MODULE_WORDS; i++) {
        if (strcmp(module_words[i], name) == 0)
            return true;
    }
    return false;
}

static const char *suggest_module_word(const char *name)
{
    for (size_t i = 0; i < MODULE_WORDS; i++) {
        unsigned limit = strlen(module_words[i]) <= 4 ? 1 : 2;

        if (suggest_distance(name, module_words[i]) <= limit)
            return module_words[i];
    }
    return NULL;
}

/* Where a key belongs, as it is to be written: the section, or the line that is to name one. */
static void belongs(const struct examination *x, enum dance_section section, char *out, size_t size)
{
    const char *name = examination_section(x, section);

    if (name != NULL)
        (void)snprintf(out, size, "[%s]", name);
    else
        (void)snprintf(out, size, "a section of its own, with %s = its name in [%s]",
                       dance_section_names[section], x->file.module);
}

static void say_unknown(struct examination *x, enum dance_section section, const char *in,
                        const char *name)
{
    const struct dance_config_key *meant = suggest_key(section, name);
    const char *word = section == DANCE_SECTION_MODULE ? suggest_module_word(name) : NULL;
    char place[300] = "";
    char remedy[600];

    if (meant != NULL && meant->section != section) {
        belongs(x, meant->section, place, sizeof(place));
        (void)snprintf(remedy, sizeof(remedy), "did you mean %s? That belongs into %s",
                       word != NULL ? word : meant->name, word != NULL ? "this section" : place);
    } else if (meant != NULL || word != NULL) {
        (void)snprintf(remedy, sizeof(remedy), "did you mean %s?",
                       word != NULL ? word : meant->name);
    } else {
        (void)snprintf(remedy, sizeof(remedy),
                       "take the line out, or see dance(7) for the key that you mean");
    }
    examination_say(x, REPORT_FAULT, in, name, remedy, "[%s] has %s, which nobody reads", in, name);
}

static void check_key(struct examination *x, enum dance_section section, const char *in,
                      const CONF_VALUE *line)
{
    const struct dance_config_key *key = find_key(section, line->name);
    char place[300];
    char remedy[400];

    if (section == DANCE_SECTION_MODULE && is_module_word(line->name))
        return;
    if (key == NULL) {
        say_unknown(x, section, in, line->name);
    } else if (key->section != section) {
        belongs(x, key->section, place, sizeof(place));
        (void)snprintf(remedy, sizeof(remedy), "move it to %s", place);
        examination_say(x, REPORT_FAULT, in, line->name, remedy, "%s is not a key of [%s]",
                        line->name, in);
    } else if (NCONF_get_section(x->file.conf, line->value) != NULL) {
        examination_say(
            x, REPORT_FAULT, in, line->name, "give the section another name",
            "the value of %s is also the name of a section, and so it is that section that "
            "OpenSSL hands over",
            line->name);
    }
}

/* The module itself looks for that in forward. */
static void check_comment(struct examination *x, const char *in, const CONF_VALUE *line)
{
    if (strcmp(line->name, "forward") != 0 && dance_comment_took(x->path, line->name, line->value))
        examination_say(x, REPORT_WARNING, in, line->name,
                        "write \\# if it is a part of the value, and a blank before it if not",
                        "a # stands directly behind the value of %s and begins a comment",
                        line->name);
}

static void check_keys(struct examination *x, enum dance_section section)
{
    const char *in = examination_section(x, section);
    const STACK_OF(CONF_VALUE) *lines = in != NULL ? NCONF_get_section(x->file.conf, in) : NULL;
    char remedy[128];

    /* Of a section that does not exist the module itself speaks. */
    if (lines == NULL)
        return;
    if (section != DANCE_SECTION_MODULE && strcmp(in, x->file.module) == 0) {
        (void)snprintf(remedy, sizeof(remedy), "name the section with the keys of the %s",
                       dance_section_names[section]);
        examination_say(x, REPORT_FAULT, in, dance_section_names[section], remedy,
                        "[%s] names itself; OpenSSL then does not load the module", in);
        return;
    }
    for (int i = 0; i < sk_CONF_VALUE_num(lines); i++) {
        check_key(x, section, in, sk_CONF_VALUE_value(lines, i));
        check_comment(x, in, sk_CONF_VALUE_value(lines, i));
    }
}

/* What the lines of a section tell that libcrypto does not. */
static void check_lines(struct examination *x, enum dance_section section)
{
    const char *in = examination_section(x, section);
    const struct conf_line *line = conf_lines_first(x->lines);
    const struct conf_line *last;
    char where[CONF_WHERE_MAX];

    for (; in != NULL && line != NULL; line = line->next) {
        if (strcmp(line->section, in) != 0)
            continue;
        if (line->kind == CONF_LINE_BEHIND)
            report_add(x->report, REPORT_FAULT, conf_lines_where(where, x->lines, line),
                       "write it on a line of its own",
                       "what stands behind the ] of [%s] nobody reads", in);
        if (line->kind != CONF_LINE_KEY)
            continue;
        last = conf_lines_find(x->lines, in, line->key);
        if (last != line)
            examination_say(x, REPORT_FAULT, in, line->key, "leave one of them",
                            "%s stands also at %s; OpenSSL takes the last one alone", line->key,
                            conf_lines_where(where, x->lines, line));
    }
}

/* dance_config_get. As the module does, what is left of "192.0.2.53#name" keeps its '#'. */
static const char *get(void *from, const char *parameter)
{
    struct examination *x = from;
    const char *value = conf_file_get(&x->file, parameter);
    size_t size;

    if (value == NULL || strcmp(parameter, "dns.forward") != 0)
        return value;
    if (!x->cut && x->forward == NULL && dance_comment_took(x->path, "forward", value)) {
        size = strlen(value) + 2;
        x->cut = true;
        x->forward = OPENSSL_malloc(size);
        if (x->forward != NULL)
            (void)snprintf(x->forward, size, "%s#", value);
    }
    return !x->cut ? value : x->forward != NULL ? x->forward : "";
}

/* What the module says of a section: "parameter = value: what is allowed". */
static void say_fault(struct examination *x, enum dance_section section, const char *fault)
{
    static const char ending[] = ": not a key of this section";
    char key[DANCE_PARAMETER_MAX];
    const char *in = examination_section(x, section);
    const char *remedy = "correct the value; until then the section refuses everybody";
    size_t len = strcspn(fault, " ");
    const char *dot;

    /* That was said, with the place to which the key belongs. */
    if (strlen(fault) > strlen(ending)
        && strcmp(fault + strlen(fault) - strlen(ending), ending) == 0)
        return;
    (void)snprintf(key, sizeof(key), "%.*s", (int)(len < sizeof(key) ? len : 0), fault);
    dot = strchr(key, '.');
    if (strstr(fault, " = (missing): ") != NULL)
        remedy = "add the key to the section";
    else if (strcmp(key, dance_section_names[section]) == 0)
        remedy = "correct the name, or add the section";
    else if (x->cut && strcmp(key, "dns.forward") == 0)
        remedy = "write \\# for #, which begins a comment in openssl.cnf; without it queries would "
                 "go out unencrypted";
    if (section != DANCE_SECTION_MODULE && dot == NULL)
        in = x->file.module;
    examination_say(x, REPORT_FAULT, in, dot != NULL ? dot + 1 : key, remedy, "%s", fault);
}

/* What the module makes of the section. */
static void check_values(struct examination *x, enum dance_section section)
{
    const char *in = examination_section(x, section);
    const char *fault = x->config->fault[section];

    if (fault != NULL)
        say_fault(x, section, fault);
    else if (in != NULL && !x->config->present[section])
        examination_say(
            x, REPORT_FAULT, in, NULL,
            "add the section's keys, or take the line out that "
            "names it",
            "[%s] has no key that the module knows, so to the module there is no %s section", in,
            dance_section_names[section]);
}

static bool is_named(const struct examination *x, const char *section)
{
    const struct conf_line *line = conf_lines_first(x->lines);
    const char *value;

    for (; line != NULL; line = line->next) {
        value = line->kind == CONF_LINE_KEY ? conf_file_value(&x->file, line->section, line->key)
                                            : NULL;
        if (value != NULL && strcmp(value, section) == 0)
            return true;
    }
    return false;
}

/* The role whose keys alone the section has; DANCE_SECTION_MODULE: none. */
static enum dance_section role_of(const struct examination *x, const char *section)
{
    const STACK_OF(CONF_VALUE) *lines = NCONF_get_section(x->file.conf, section);
    int total = sk_CONF_VALUE_num(lines);

    for (int s = DANCE_SECTION_CLIENT; total > 0 && s < DANCE_SECTIONS; s++) {
        int count = 0;

        for (int i = 0; i < total; i++) {
            const char *name = sk_CONF_VALUE_value(lines, i)->name;
            const struct dance_config_key *key = find_key((enum dance_section)s, name);

            if (key != NULL && key->section == (enum dance_section)s)
                count++;
        }
        if (count == total)
            return (enum dance_section)s;
    }
    return DANCE_SECTION_MODULE;
}

static void check_orphans(struct examination *x)
{
    const struct conf_line *line = conf_lines_first(x->lines);
    char remedy[400];

    for (; line != NULL; line = line->next) {
        enum dance_section role;

        if (line->kind != CONF_LINE_SECTION || strcmp(line->section, "default") == 0
            || conf_lines_find(x->lines, line->section, NULL) != line)
            continue;
        role = role_of(x, line->section);
        if (role == DANCE_SECTION_MODULE || is_named(x, line->section))
            continue;
        (void)snprintf(remedy, sizeof(remedy), "write %s = %s in [%s], or take the section out",
                       dance_section_names[role], line->section, x->file.module);
        examination_say(x, REPORT_FAULT, line->section, NULL, remedy,
                        "no line names [%s], so nobody reads it", line->section);
    }
}

/*
 * Another section with the module: one for another OpenSSL, one that takes some of the roles, or
 * one that says something else, and is left out (join.h).
 */
static void check_second(struct examination *x)
{
    struct conf_file file = {x->file.conf, x->second};
    const char *one = conf_file_value(&x->file, x->file.module, "module");
    const char *two = conf_file_value(&x->file, x->second, "module");
    struct dance_config *config;
    const char *key = NULL;

    if (one != NULL && two != NULL && strcmp(one, two) != 0) {
        examination_say(x, REPORT_WARNING, x->second, "module",
                        "leave one of them, unless this one is built for another OpenSSL that "
                        "applications of this file use",
                        "[%s] is a second section with the module dance; it was not looked at",
                        x->second);
        return;
    }
    config = dance_config_read(conf_file_get, &file);
    if (config != NULL && dance_config_compare(x->config, config, &key) == DANCE_CONFIG_OTHER)
        examination_say(x, REPORT_FAULT, x->second, "module", "leave one of them",
                        "[%s] is a second section with the same module; it says %s otherwise than "
                        "[%s], so it is left out, and if it may mean require everybody is refused",
                        x->second, key, x->file.module);
    else
        examination_say(x, REPORT_WARNING, x->second, "module", "put all roles into one section",
                        "[%s] is a second section with the same module; it was not looked at",
                        x->second);
    dance_config_free(config);
}

static void summarize(struct examination *x)
{
    static const char *const policies[] = {"mixed", "dane", "require"};
    const struct dance_config *c = x->config;
    bool server = c->present[DANCE_SECTION_SERVER];
    bool asks = server || c->present[DANCE_SECTION_DNS] || c->client_chain == DANCE_CHAIN_COLLECTED;

    examination_say(x, REPORT_GOOD, x->file.module, NULL, NULL,
                    "client: %s; server: %s; lookups: %s",
                    c->present[DANCE_SECTION_CLIENT] ? c->identity : "none",
                    server ? policies[c->policy] : "none",
                    !asks                              ? "none"
                    : strcmp(c->resolver, "auto") == 0 ? "by a resolver of its own"
                                                       : c->resolver);
}

bool examine_sections(struct examination *x)
{
    bool good = true;

    x->config = dance_config_read(get, x);
    if (x->config == NULL) {
        examination_say(x, REPORT_FAULT, NULL, NULL, "try again", "out of memory");
        return false;
    }
    for (int s = 0; s < DANCE_SECTIONS; s++) {
        check_keys(x, (enum dance_section)s);
        check_lines(x, (enum dance_section)s);
        check_values(x, (enum dance_section)s);
        good = good && x->config->fault[s] == NULL;
    }
    check_orphans(x);
    if (x->second != NULL)
        check_second(x);
    if (!dance_config_says_something(x->config))
        examination_say(x, REPORT_FAULT, x->file.module, NULL,
                        "add client = or server = with the name of a section, and that section",
                        "neither client nor server nor dns is configured");
    else if (good)
        summarize(x);
    return true;
}
