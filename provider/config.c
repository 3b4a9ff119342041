/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A value as it may be told: a PIN may stand in those of private_key and certificate. */
static const char *tellable(const char *key, const char *value)
{
    bool secret = strcmp(key, "private_key") == 0 || strcmp(key, "certificate") == 0;

    return secret && *value != '\0' ? "..." : value;
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
    return section == DANCE_SECTION_MODULE && strcmp(name, "identity") == 0;
}

/* A key set in a section where it means nothing is a slip that must not pass for a default. */
static int check_misplaced(struct dance_config *c, dance_config_get *get, void *from,
                           const struct dance_config_key *key)
{
    for (int s = 0; s < DANCE_SECTIONS; s++) {
        enum dance_section section = (enum dance_section)s;
        char name[DANCE_PARAMETER_MAX];
        const char *value;

        if (is_key(section, key->name))
            continue;
        value = get(from, dance_config_parameter(name, section, key->name));
        if (value == NULL)
            continue;
        if (!set_fault(c, section, name, tellable(key->name, value), "not a key of this section"))
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
    char name[DANCE_PARAMETER_MAX];
    const char *value = get(from, dance_config_parameter(name, key->section, key->name));
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
    return parsed > 0 || set_fault(c, key->section, name, tellable(key->name, value), allowed);
}

const struct dance_given *dance_config_given(const struct dance_config *c, const char *parameter)
{
    const struct dance_given *given = c->given;

    while (given != NULL && strcmp(given->name, parameter) != 0)
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

    if (value == NULL || dance_config_given(reader->config, name) != NULL)
        return value;
    given = OPENSSL_zalloc(sizeof(*given) + strlen(name) + 1);
    if (given == NULL || (given->value = OPENSSL_strdup(value)) == NULL) {
        OPENSSL_free(given);
        reader->out_of_memory = true;
        return value;
    }
    memcpy(given->name, name, strlen(name) + 1);
    given->next = reader->config->given;
    reader->config->given = given;
    return value;
}

const char *dance_config_of_service(const struct dance_config *c)
{
    static const char *const parameters[] = {"dns.trust_anchor", "dns.forward",
                                             "dns.unbound_config", "dns.denial_ttl"};

    for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
        if (dance_config_given(c, parameters[i]) != NULL)
            return parameters[i];
    }
    return NULL;
}

/* By what stands at the path, or, where the service does not run yet, by its name. */
static bool is_socket(const char *path)
{
    static const char *const folders[] = {"/run/", "/var/run/"};
    static const char ending[] = ".sock";
    size_t len = strlen(path);
    struct stat st;

    if (stat(path, &st) == 0)
        return !S_ISREG(st.st_mode);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (strncmp(path, folders[i], strlen(folders[i])) == 0)
            return true;
    }
    return len > strlen(ending) && strcmp(path + len - strlen(ending), ending) == 0;
}

/* Who sets an anchor beside a socket believes that it is heeded. */
static int check_service(struct dance_config *c)
{
    const char *parameter = dance_config_of_service(c);

    if (parameter == NULL || c->resolver == NULL || *c->resolver != '/' || !is_socket(c->resolver))
        return 1;
    return set_fault(c, DANCE_SECTION_DNS, parameter, dance_config_given(c, parameter)->value,
                     "not beside a resolver that is a socket: an option of its own says it");
}

/* One number is not two extensions; where no chain is in use nothing is said of the default. */
static int check_chain_type(struct dance_config *c)
{
    static const char parameter[] = "chain_extension_type";
    const struct dance_given *given = dance_config_given(c, parameter);
    char value[16];

    if (c->chain_extension_type != c->extension_type
        || (given == NULL && c->client_chain == DANCE_CHAIN_NO
            && c->server_chain == DANCE_CHAIN_OFF))
        return 1;
    (void)snprintf(value, sizeof(value), "%u", c->chain_extension_type);
    return set_fault(c, DANCE_SECTION_MODULE, parameter, value,
                     "allowed: another number than that of extension_type");
}

/* Who wants names looked up ahead, and nothing looked up, means one of the two. */
static int check_prefetch(struct dance_config *c)
{
    return !c->prefetch || c->server_chain != DANCE_CHAIN_ONLY
           || set_fault(c, DANCE_SECTION_SERVER, "server.prefetch", "yes",
                        "not beside server.chain = only, with which nothing is looked up");
}

static int read_all(struct dance_config *c, dance_config_get *get, void *from)
{
    int ok = 1;

    for (int s = DANCE_SECTION_CLIENT; ok && s < DANCE_SECTIONS; s++) {
        const char *value = get(from, dance_section_names[s]);

        /* libcrypto expands a section that exists; what is left is a name without a section. */
        if (value != NULL)
            ok = set_fault(c, (enum dance_section)s, dance_section_names[s], value,
                           "there is no section of this name");
    }
    for (size_t i = 0; ok && i < dance_config_keys_count; i++) {
        char name[DANCE_PARAMETER_MAX];
        const struct dance_config_key *key = &dance_config_keys[i];

        if (get(from, dance_config_parameter(name, key->section, key->name)) != NULL)
            c->present[key->section] = true;
        ok = check_misplaced(c, get, from, key);
    }
    for (size_t i = 0; ok && i < dance_config_keys_count; i++)
        ok = read_key(c, get, from, &dance_config_keys[i]);
    ok = ok && check_service(c) && check_chain_type(c) && check_prefetch(c);
    c->present[DANCE_SECTION_MODULE] = true;
    /* A server section that is missing may have been meant as require. */
    if (get(from, dance_section_names[DANCE_SECTION_SERVER]) != NULL)
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

void dance_config_close(struct dance_config *c, char *fault)
{
    if (!c->present[DANCE_SECTION_MODULE]) {
        /* These defaults are kept without memory. */
        for (size_t i = 0; i < dance_config_keys_count; i++) {
            if (dance_config_keys[i].section == DANCE_SECTION_MODULE)
                (void)dance_config_keys[i].parse(c, dance_config_keys[i].fallback);
        }
    }
    c->present[DANCE_SECTION_MODULE] = c->present[DANCE_SECTION_SERVER] = true;
    c->fault[DANCE_SECTION_SERVER] = fault;
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
    OPENSSL_free(c->chain_file);
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
