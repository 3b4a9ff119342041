/*
 * pairs.h: configurations of parameters and their values, for tests.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_TEST_PAIRS_H
#define DANCE_TEST_PAIRS_H

#include "config.h"

#include <criterion/criterion.h>
#include <string.h>

struct pair {
    const char *name;
    const char *value;
};

static inline const char *lookup(void *from, const char *name)
{
    const struct pair *pair = from;

    for (; pair->name != NULL; pair++) {
        if (strcmp(pair->name, name) == 0)
            return pair->value;
    }
    return NULL;
}

static inline struct dance_config *read_pairs(const struct pair *pairs)
{
    struct dance_config *config = dance_config_read(lookup, (void *)(size_t)pairs);

    cr_assert_not_null(config);
    return config;
}

#define CONFIG(...) read_pairs((const struct pair[]){__VA_ARGS__, {NULL, NULL}})
#define GOOD_SERVER                                                                                \
    {                                                                                              \
        "server.allow", "*.example.com"                                                            \
    }
#define GOOD_CLIENT                                                                                \
    {"client.identity", "a.example.com"},                                                          \
    {                                                                                              \
        "client.private_key", "/k"                                                                 \
    }

#endif
