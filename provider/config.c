/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "openssl/compat.h"
#include "owner_name.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const dance_section_names[DANCE_SECTIONS] = {"", "client", "server", "dns"};

#define TIMEOUT_MAX_SECONDS 60

/* A parameter that was set. */
struct dance_given {
    struct dance_given *next;
    char *value;
    char name[];
};

static int keep(char **where, const char *value)
{
    *where = OPENSSL_strdup(value);
    return *where != NULL ? 1 : -1;
}

/* A path or URI: anything but nothing. */
static int keep_text(char **where, const char *value)
{
    return *value != '\0' ? keep(where, value) : 0;
}

static int keep_path(char **where, const char *value)
{
    return *value == '/' ? keep(where, value) : 0;
}

/* The index of value among the words, or -1. */
static int one_of(const char *value, const char *const words[], int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(value, words[i]) == 0)
            return i;
    }
    return -1;
}

/* A decimal number without sign, blanks or anything behind it; 0 when it is not one. */
static int number(const char *value, unsigned long low, unsigned long high, unsigned *out)
{
    unsigned long n = 0;

    if (*value == '\0' || strlen(value) > 9)
        return 0;
    for (; *value != '\0'; value++) {
        if (*value < '0' || *value > '9')
            return 0;
        n = n * 10 + (unsigned long)(*value - '0');
    }
    if (n < low || n > high)
        return 0;
    *out = (unsigned)n;
    return 1;
}

static int parse_log(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"none", "stderr", "syslog"};
    int i = one_of(value, words, 3);

    if (i >= 0) {
        c->log_target = (enum dance_log_target)i;
        return 1;
    }
    c->log_target = *value == '/' ? DANCE_LOG_FILE : DANCE_LOG_SYSLOG;
    return keep_path(&c->log_file, value);
}

static int parse_log_level(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"error", "info", "debug"};
    int i = one_of(value, words, 3);

    c->log_level = i >= 0 ? (enum dance_log_level)i : DANCE_LOG_INFO;
    return i >= 0;
}

static int parse_extension_type(struct dance_config *c, const char *value)
{
    return number(value, 0, 65535, &c->extension_type)
           && !SSL_extension_supported(c->extension_type);
}

static int parse_inactive(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"open", "exit"};
    int i = one_of(value, words, 2);

    /* What cannot be read may have been meant as exit. */
    c->exit_if_inactive = i != 0;
    return i >= 0;
}

static int parse_identity(struct dance_config *c, const char *value)
{
    return dance_owner_name_fault(value, strlen(value)) == NULL ? keep(&c->identity, value) : 0;
}

static int parse_private_key(struct dance_config *c, const char *value)
{
    return keep_text(&c->private_key, value);
}

static int parse_certificate(struct dance_config *c, const char *value)
{
    return keep_text(&c->certificate, value);
}

/* Raw public keys where libssl has none are refused, never accepted and then ignored. */
static int parse_raw_key(bool *where, const char *value)
{
    static const char *const words[] = {"no", "yes"};
    int i = one_of(value, words, dance_raw_key != NULL ? 2 : 1);

    *where = i == 1;
    return i >= 0;
}

static int parse_client_raw_key(struct dance_config *c, const char *value)
{
    return parse_raw_key(&c->offer_raw_key, value);
}

static int parse_server_raw_key(struct dance_config *c, const char *value)
{
    return parse_raw_key(&c->take_raw_key, value);
}

/* "no", "yes", or a label that begins with an underscore. */
static int parse_san_fallback(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"no", "yes"};
    int i = one_of(value, words, 2);

    c->san_fallback = i != 0;
    if (i >= 0)
        return 1;
    if (*value != '_' || strchr(value, '.') != NULL
        || dance_owner_name_fault(value, strlen(value)) != NULL)
        return 0;
    return keep(&c->service_label, value);
}

static int parse_patterns(struct dance_patterns **where, const char *value)
{
    const char *fault;
    const char *at;
    size_t at_len;
    int added;

    *where = dance_patterns_new();
    if (*where == NULL)
        return -1;
    added = dance_patterns_add(*where, value, strlen(value), ",", 0, &fault, &at, &at_len);
    if (added <= 0)
        return added;
    dance_patterns_sort(*where);
    return dance_patterns_count(*where) > 0;
}

static int parse_servers(struct dance_config *c, const char *value)
{
    return parse_patterns(&c->servers, value);
}

static int parse_allow(struct dance_config *c, const char *value)
{
    return parse_patterns(&c->allow, value);
}

static int parse_policy(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"mixed", "dane", "require"};
    int i = one_of(value, words, 3);

    /* Never unset: a policy in the wrong section has been seen before the default is read. */
    c->policy_unknown = c->policy_unknown || i < 0;
    c->policy = i >= 0 ? (enum dance_policy)i : DANCE_POLICY_REQUIRE;
    return i >= 0;
}

static int parse_allow_file(struct dance_config *c, const char *value)
{
    return keep_path(&c->allow_file, value);
}

static int parse_certificate_names(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"match", "any"};
    int i = one_of(value, words, 2);

    c->certificate_names_any = i == 1;
    return i >= 0;
}

static int parse_prefetch(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"no", "yes"};
    int i = one_of(value, words, 2);

    c->prefetch = i == 1;
    return i >= 0;
}

static int parse_usages(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"pkix-ta", "pkix-ee", "dane-ta", "dane-ee"};
    char word[16];

    c->usages = 0;
    while (*value != '\0') {
        size_t len = strcspn(value, ", \t");
        int i;

        if (len > 0) {
            if (len >= sizeof(word))
                return 0;
            memcpy(word, value, len);
            word[len] = '\0';
            i = one_of(word, words, 4);
            if (i < 0)
                return 0;
            c->usages |= DANCE_USAGE_BIT(i);
        }
        value += len;
        value += strspn(value, ", \t");
    }
    return c->usages != 0;
}

static int parse_trust_anchor(struct dance_config *c, const char *value)
{
    return keep_path(&c->trust_anchor, value);
}

static int parse_forward(struct dance_config *c, const char *value)
{
    const char *at = value;

    /*
     * '#' begins a comment in openssl.cnf, so an unescaped "@853#name" arrives
     * here as "@853", and queries meant for TLS would go out in the clear.
     */
    while ((at = strstr(at, "@853")) != NULL) {
        at += 4;
        if (*at != '#' && (*at < '0' || *at > '9'))
            return 0;
    }
    return keep_text(&c->forward, value);
}

static int parse_unbound_config(struct dance_config *c, const char *value)
{
    return keep_path(&c->unbound_config, value);
}

static int parse_timeout(struct dance_config *c, const char *value)
{
    unsigned seconds;

    if (!number(value, 1, TIMEOUT_MAX_SECONDS, &seconds))
        return 0;
    c->timeout_ms = seconds * 1000;
    return 1;
}

static int parse_resolver(struct dance_config *c, const char *value)
{
    return strcmp(value, "auto") == 0 ? keep(&c->resolver, value) : keep_path(&c->resolver, value);
}

#define MODULE DANCE_SECTION_MODULE
#define CLIENT DANCE_SECTION_CLIENT
#define SERVER DANCE_SECTION_SERVER
#define DNS DANCE_SECTION_DNS

#define RAW_KEY_ALLOWED                                                                            \
    "no, or yes with OpenSSL 3.2 or later (in the application, and when dance was built)"

const struct dance_config_key dance_config_keys[] = {
    {MODULE, "log", "syslog", "none, stderr, syslog or an absolute path", "where log lines go",
     parse_log},
    {MODULE, "log_level", "info", "error, info or debug", "how much is logged", parse_log_level},
    {MODULE, "extension_type", "65280", "a number from 0 to 65535 that OpenSSL does not use itself",
     "the TLS extension type of dane_clientid until IANA assigns one", parse_extension_type},
    {MODULE, "inactive", "open", "open or exit",
     "what becomes of a server's process in which dance cannot work", parse_inactive},
    {CLIENT, "identity", "",
     "a domain name of letters, digits, hyphens and underscores, without a trailing dot",
     "the owner name of the client's TLSA record", parse_identity},
    {CLIENT, "private_key", "", "a file or an OSSL_STORE URI", "the client's private key",
     parse_private_key},
    {CLIENT, "certificate", NULL, "a file or an OSSL_STORE URI",
     "the client's certificate and chain; made in memory from the key when absent",
     parse_certificate},
    {CLIENT, "raw_public_key", "no", RAW_KEY_ALLOWED, "offer a raw public key (RFC 7250)",
     parse_client_raw_key},
    {CLIENT, "servers", "*", "server names, *.suffix or *, separated by commas",
     "the servers (by SNI) that may learn the identity", parse_servers},
    {SERVER, "policy", "mixed", "mixed, dane or require", "who is let in", parse_policy},
    {SERVER, "allow", "", "owner names, *.suffix or *, separated by commas",
     "the clients that are let in", parse_allow},
    {SERVER, "allow_file", NULL, "an absolute path", "more patterns, one a line", parse_allow_file},
    {SERVER, "certificate_names", "match", "match or any",
     "whether a certificate may name somebody else than its client", parse_certificate_names},
    {SERVER, "raw_public_key", "no", RAW_KEY_ALLOWED, "accept raw public keys (RFC 7250)",
     parse_server_raw_key},
    {SERVER, "usages", "pkix-ta, pkix-ee, dane-ta, dane-ee",
     "pkix-ta, pkix-ee, dane-ta and dane-ee, separated by commas", "the TLSA usages that count",
     parse_usages},
    {SERVER, "san_fallback", "no", "no, yes or a service label such as _smtp-client",
     "take the name from the certificate of a client without the extension", parse_san_fallback},
    {SERVER, "prefetch", "no", "yes or no",
     "keep the names of allow and allow_file that have no wildcard looked up ahead",
     parse_prefetch},
    {DNS, "trust_anchor", "/usr/share/dns/root.key", "an absolute path",
     "the file with the DS or DNSKEY records to trust", parse_trust_anchor},
    {DNS, "forward", NULL,
     "ADDRESS, ADDRESS@PORT, ADDRESS@PORT#NAME (DNS over TLS; write \\# in openssl.cnf, where # "
     "begins a comment), separated by commas, or system",
     "the resolvers to ask instead of iterating from the root", parse_forward},
    {DNS, "unbound_config", NULL, "an absolute path", "further settings for libunbound",
     parse_unbound_config},
    {DNS, "timeout", "3", "1 to 60 (seconds)", "how long a handshake may wait for DNS",
     parse_timeout},
    {DNS, "resolver", "auto", "auto, or the absolute path of a socket or of the program",
     "who makes the lookups", parse_resolver},
};
const size_t dance_config_keys_count = sizeof(dance_config_keys) / sizeof(dance_config_keys[0]);

/* The libcrypto parameter of a key: its name, in a section "section.name". */
static const char *parameter(char out[64], enum dance_section section, const char *name)
{
    size_t prefix = strlen(dance_section_names[section]);
    size_t len = strlen(name);

    /* Not by snprintf(): some hundred of these are part of the start of every process. */
    if (prefix + len + 2 > 64)
        return name;
    memcpy(out, dance_section_names[section], prefix);
    if (section != MODULE)
        out[prefix++] = '.';
    memcpy(out + prefix, name, len + 1);
    return out;
}

/* Keep the first fault of a section, which counts as configured. 0 when out of memory. */
static int set_fault(struct dance_config *c, enum dance_section section, const char *name,
                     const char *value, const char *allowed)
{
    char text[768];

    c->present[section] = true;
    if (c->fault[section] != NULL)
        return 1;
    (void)snprintf(text, sizeof(text), "%s = %.256s: %s", name, value, allowed);
    c->fault[section] = OPENSSL_strdup(text);
    return c->fault[section] != NULL;
}

static bool is_key(enum dance_section section, const char *name)
{
    for (size_t i = 0; i < dance_config_keys_count; i++) {
        if (dance_config_keys[i].section == section && strcmp(dance_config_keys[i].name, name) == 0)
            return true;
    }
    /* Beside activate, "identity" is libcrypto's own: the provider's name. */
    return section == MODULE && strcmp(name, "identity") == 0;
}

/* A key set in a section where it means nothing is a slip that must not pass for a default. */
static int check_misplaced(struct dance_config *c, dance_config_get *get, void *from,
                           const struct dance_config_key *key)
{
    for (int s = 0; s < DANCE_SECTIONS; s++) {
        enum dance_section section = (enum dance_section)s;
        char name[64];
        const char *value;

        if (is_key(section, key->name))
            continue;
        value = get(from, parameter(name, section, key->name));
        if (value == NULL)
            continue;
        /* The value of private_key may hold a PIN. */
        if (!set_fault(c, section, name, key->parse == parse_private_key ? "..." : value,
                       "not a key of this section"))
            return 0;
        /* Whoever wrote it meant to configure the section that it belongs to. */
        c->present[key->section] = true;
        if (strcmp(key->name, "policy") == 0)
            c->policy_unknown = true;
    }
    return 1;
}

static int read_key(struct dance_config *c, dance_config_get *get, void *from,
                    const struct dance_config_key *key)
{
    char name[64];
    const char *value = get(from, parameter(name, key->section, key->name));
    char allowed[320];
    int parsed;

    if (value == NULL) {
        if (key->fallback == NULL)
            return 1;
        if (*key->fallback == '\0') {
            (void)snprintf(allowed, sizeof(allowed), "required: %s", key->allowed);
            return !c->present[key->section]
                   || set_fault(c, key->section, name, "(missing)", allowed);
        }
        return key->parse(c, key->fallback) > 0;
    }
    parsed = key->parse(c, value);
    if (parsed < 0)
        return 0;
    (void)snprintf(allowed, sizeof(allowed), "allowed: %s", key->allowed);
    return parsed > 0 || set_fault(c, key->section, name, value, allowed);
}

static struct dance_given *find_given(const struct dance_config *c, const char *name)
{
    struct dance_given *given = c->given;

    while (given != NULL && strcmp(given->name, name) != 0)
        given = given->next;
    return given;
}

/* Where a configuration is read from, and the one that takes note of what it was told. */
struct reader {
    dance_config_get *get;
    void *from;
    struct dance_config *config;
    bool out_of_memory;
};

/* dance_config_get that takes note of what was set. */
static const char *get_and_note(void *from, const char *name)
{
    struct reader *reader = from;
    const char *value = reader->get(reader->from, name);
    struct dance_given *given;

    if (value == NULL || find_given(reader->config, name) != NULL)
        return value;
    given = OPENSSL_zalloc(sizeof(*given) + strlen(name) + 1);
    if (given == NULL || keep(&given->value, value) < 0) {
        OPENSSL_free(given);
        reader->out_of_memory = true;
        return value;
    }
    memcpy(given->name, name, strlen(name) + 1);
    given->next = reader->config->given;
    reader->config->given = given;
    return value;
}

static int read_all(struct dance_config *c, dance_config_get *get, void *from)
{
    int ok = 1;

    for (int s = CLIENT; ok && s < DANCE_SECTIONS; s++) {
        const char *value = get(from, dance_section_names[s]);

        /* libcrypto expands a section that exists; what is left is a name without a section. */
        if (value != NULL)
            ok = set_fault(c, (enum dance_section)s, dance_section_names[s], value,
                           "there is no section of this name");
    }
    for (size_t i = 0; ok && i < dance_config_keys_count; i++) {
        char name[64];
        const struct dance_config_key *key = &dance_config_keys[i];

        if (get(from, parameter(name, key->section, key->name)) != NULL)
            c->present[key->section] = true;
        ok = check_misplaced(c, get, from, key);
    }
    for (size_t i = 0; ok && i < dance_config_keys_count; i++)
        ok = read_key(c, get, from, &dance_config_keys[i]);
    c->present[MODULE] = true;
    /* A server section that is missing may have been meant as require. */
    if (get(from, dance_section_names[SERVER]) != NULL)
        c->policy_unknown = true;
    return ok;
}

struct dance_config *dance_config_read(dance_config_get *get, void *from)
{
    struct dance_config *c = OPENSSL_zalloc(sizeof(*c));
    struct reader reader = {.get = get, .from = from, .config = c};

    if (c != NULL && (!read_all(c, get_and_note, &reader) || reader.out_of_memory)) {
        dance_config_free(c);
        c = NULL;
    }
    return c;
}

/* What is compared as a whole: the resolver is the server's, and started with the dns section. */
enum group { GROUP_MODULE, GROUP_CLIENT, GROUP_SERVING };

static enum group group_of(const char *name)
{
    for (int s = CLIENT; s < DANCE_SECTIONS; s++) {
        size_t len = strlen(dance_section_names[s]);

        if (strncmp(name, dance_section_names[s], len) == 0
            && (name[len] == '.' || name[len] == '\0'))
            return s == CLIENT ? GROUP_CLIENT : GROUP_SERVING;
    }
    return GROUP_MODULE;
}

static bool has_group(const struct dance_config *c, enum group group)
{
    const struct dance_given *given = c->given;

    while (given != NULL && group_of(given->name) != group)
        given = given->next;
    return group == GROUP_MODULE || given != NULL;
}

/* A parameter as it was set, or its default; NULL where there is none. */
static const char *value_of(const struct dance_config *c, const char *name)
{
    const struct dance_given *given = find_given(c, name);
    char full[64];

    for (size_t i = 0; given == NULL && i < dance_config_keys_count; i++) {
        const struct dance_config_key *key = &dance_config_keys[i];

        if (strcmp(parameter(full, key->section, key->name), name) == 0)
            return key->fallback;
    }
    return given != NULL ? given->value : NULL;
}

/* The first parameter of one that the other says otherwise; NULL where each plays its own roles. */
static const char *difference(const struct dance_config *one, const struct dance_config *other,
                              bool top_level)
{
    for (const struct dance_given *given = one->given; given != NULL; given = given->next) {
        const char *value = value_of(other, given->name);
        enum group group = group_of(given->name);

        if (has_group(other, group) && (group != GROUP_MODULE || top_level)
            && (value == NULL || strcmp(value, given->value) != 0))
            return given->name;
    }
    return NULL;
}

enum dance_config_relation dance_config_compare(const struct dance_config *first,
                                                const struct dance_config *second, const char **key)
{
    const struct dance_given *given = second->given;

    /* At the top level the second need not repeat what the first says. */
    *key = difference(second, first, true);
    if (*key == NULL)
        *key = difference(first, second, false);
    if (*key != NULL)
        return DANCE_CONFIG_OTHER;
    while (given != NULL && has_group(first, group_of(given->name)))
        given = given->next;
    return given != NULL ? DANCE_CONFIG_MORE : DANCE_CONFIG_SAME;
}

/* dance_config_get over two configurations. */
static const char *get_of_either(void *from, const char *name)
{
    const struct dance_config *const *either = from;
    const struct dance_given *given = find_given(either[0], name);

    if (given == NULL)
        given = find_given(either[1], name);
    return given != NULL ? given->value : NULL;
}

struct dance_config *dance_config_join(const struct dance_config *first,
                                       const struct dance_config *second)
{
    const struct dance_config *either[] = {first, second};

    return dance_config_read(get_of_either, either);
}

void dance_config_close(struct dance_config *c, char *fault)
{
    if (!c->present[MODULE]) {
        /* These defaults are kept without memory. */
        for (size_t i = 0; i < dance_config_keys_count; i++) {
            if (dance_config_keys[i].section == MODULE)
                (void)dance_config_keys[i].parse(c, dance_config_keys[i].fallback);
        }
    }
    c->present[MODULE] = c->present[SERVER] = true;
    c->fault[SERVER] = fault;
    c->policy = DANCE_POLICY_REQUIRE;
    c->policy_unknown = true;
}

void dance_config_free(struct dance_config *c)
{
    if (c == NULL)
        return;
    for (struct dance_given *given = c->given, *next; given != NULL; given = next) {
        next = given->next;
        OPENSSL_free(given->value);
        OPENSSL_free(given);
    }
    for (int s = 0; s < DANCE_SECTIONS; s++)
        OPENSSL_free(c->fault[s]);
    OPENSSL_free(c->log_file);
    OPENSSL_free(c->identity);
    OPENSSL_free(c->private_key);
    OPENSSL_free(c->certificate);
    dance_patterns_free(c->servers);
    dance_patterns_free(c->allow);
    OPENSSL_free(c->allow_file);
    OPENSSL_free(c->service_label);
    OPENSSL_free(c->trust_anchor);
    OPENSSL_free(c->forward);
    OPENSSL_free(c->unbound_config);
    OPENSSL_free(c->resolver);
    OPENSSL_free(c);
}

const char *dance_config_fault(const struct dance_config *c, enum dance_section section)
{
    return c->fault[section] != NULL ? c->fault[section] : c->fault[DANCE_SECTION_MODULE];
}
