/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "suggest.h"

#include <ctype.h>
#include <string.h>

#define LETTERS_MAX 40
#define FAR 99u

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned suggest_distance(const char *a, const char *b)
{
    /* cost[i][j]: of the first i letters of a from the first j of b. */
    unsigned cost[LETTERS_MAX + 1][LETTERS_MAX + 1];
    size_t m = strlen(a);
    size_t n = strlen(b);

    if (m > LETTERS_MAX || n > LETTERS_MAX)
        return FAR;
    for (unsigned j = 0; j <= n; j++)
        cost[0][j] = j;
    for (unsigned i = 1; i <= m; i++) {
        cost[i][0] = i;
        for (unsigned j = 1; j <= n; j++) {
            cost[i][j] = least(cost[i - 1][j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1),
                               least(cost[i - 1][j], cost[i][j - 1]) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                cost[i][j] = least(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    }
    return cost[m][n];
}

const struct dance_config_key *suggest_key(enum dance_section section, const char *name)
{
    unsigned limit = strlen(name) <= 4 ? 1 : 2;
    const struct dance_config_key *best = NULL;
    unsigned least_cost = 0;

    for (size_t i = 0; i < dance_config_keys_count; i++) {
        const struct dance_config_key *key = &dance_config_keys[i];
        unsigned distance = suggest_distance(name, key->name);
        unsigned cost = 2 * distance + (key->section == section ? 0 : 1);

        if (distance <= limit && (best == NULL || cost < least_cost)) {
            best = key;
            least_cost = cost;
        }
    }
    return best;
}
