/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "suggest.h"

#include <criterion/criterion.h>

Test(suggest, distance)
{
    static const struct {
        const char *a, *b;
        unsigned distance;
    } rows[] = {{"", "", 0},
                {"a", "", 1},
                {"", "abc", 3},
                {"polcy", "policy", 1},
                {"plocy", "policy", 2},
                {"pocily", "policy", 2},
                {"POLICY", "policy", 0},
                {"alow", "allow", 1},
                {"identiyt", "identity", 1}};
    char longest[60] = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(suggest_distance(rows[i].a, rows[i].b), rows[i].distance, "%s", rows[i].a);
    for (size_t i = 0; i + 1 < sizeof(longest); i++)
        longest[i] = 'x';
    cr_expect_gt(suggest_distance(longest, longest), 2);
}

/* Each key with a letter lost, and in capitals, is found again. */
Test(suggest, every_key)
{
    for (size_t i = 0; i < dance_config_keys_count; i++) {
        const struct dance_config_key *key = &dance_config_keys[i];
        const struct dance_config_key *found = suggest_key(key->section, key->name + 1);

        cr_expect_eq(found, key, "%s", key->name);
    }
}

Test(suggest, section_and_nothing)
{
    cr_expect_eq(suggest_key(DANCE_SECTION_CLIENT, "raw_publickey")->section, DANCE_SECTION_CLIENT);
    cr_expect_eq(suggest_key(DANCE_SECTION_SERVER, "raw_publickey")->section, DANCE_SECTION_SERVER);
    cr_expect_eq(suggest_key(DANCE_SECTION_SERVER, "trust_anchr")->section, DANCE_SECTION_DNS);
    cr_expect_null(suggest_key(DANCE_SECTION_SERVER, "cipher"));
    cr_expect_null(suggest_key(DANCE_SECTION_MODULE, "dir"));
    cr_expect_null(suggest_key(DANCE_SECTION_MODULE, ""));
}
