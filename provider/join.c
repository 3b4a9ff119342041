/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "join.h"

#include <string.h>

/* What is compared as a whole: the resolver is the server's, and started with the dns section. */
enum group { GROUP_MODULE, GROUP_CLIENT, GROUP_SERVING };

static enum group group_of(const char *name)
{
    for (int s = DANCE_SECTION_CLIENT; s < DANCE_SECTIONS; s++) {
        size_t len = strlen(dance_section_names[s]);

        if (strncmp(name, dance_section_names[s], len) == 0
            && (name[len] == '.' || name[len] == '\0'))
            return s == DANCE_SECTION_CLIENT ? GROUP_CLIENT : GROUP_SERVING;
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
    const struct dance_given *given = dance_config_given(c, name);
    char full[DANCE_PARAMETER_MAX];

    for (size_t i = 0; given == NULL && i < dance_config_keys_count; i++) {
        const struct dance_config_key *key = &dance_config_keys[i];

        if (strcmp(dance_config_parameter(full, key->section, key->name), name) == 0)
            return key->fallback;
    }
    return given != NULL ? given->value : NULL;
}

/*
 * The resolver may run, as a configuration in force says or leaves to the defaults, though that has
 * no server: it collects the client's chain.
 */
static bool has_resolver_for_client(const struct dance_config *c, const char *name)
{
    static const char dns[] = "dns.";

    return c->client_chain == DANCE_CHAIN_COLLECTED && strncmp(name, dns, sizeof(dns) - 1) == 0;
}

/*
 * The first parameter of one that the other says otherwise; NULL where each plays its own roles.
 * in_force: the other is.
 */
static const char *difference(const struct dance_config *one, const struct dance_config *other,
                              bool in_force)
{
    for (const struct dance_given *given = one->given; given != NULL; given = given->next) {
        const char *value = value_of(other, given->name);
        enum group group = group_of(given->name);

        if ((has_group(other, group) || (in_force && has_resolver_for_client(other, given->name)))
            && (group != GROUP_MODULE || in_force)
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
    const struct dance_given *given = dance_config_given(either[0], name);

    if (given == NULL)
        given = dance_config_given(either[1], name);
    return given != NULL ? given->value : NULL;
}

struct dance_config *dance_config_join(const struct dance_config *first,
                                       const struct dance_config *second)
{
    const struct dance_config *either[] = {first, second};

    return dance_config_read(get_of_either, either);
}
