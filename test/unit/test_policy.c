/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <criterion/criterion.h>

static struct dance_rules rules_of(enum dance_policy policy, char *fault, bool unknown)
{
    struct dance_config config = {.policy = policy, .policy_unknown = unknown};

    config.present[DANCE_SECTION_SERVER] = true;
    config.fault[DANCE_SECTION_SERVER] = fault;
    return dance_policy_rules(&config);
}

Test(policy, without_a_server_section_nothing_is_done)
{
    struct dance_config config = {.policy = DANCE_POLICY_REQUIRE};
    struct dance_rules rules = dance_policy_rules(&config);

    cr_assert_not(rules.active || rules.ask || rules.name_needed || rules.strict);
}

Test(policy, the_three_policies)
{
    struct dance_rules mixed = rules_of(DANCE_POLICY_MIXED, NULL, false);
    struct dance_rules dane = rules_of(DANCE_POLICY_DANE, NULL, false);
    struct dance_rules require = rules_of(DANCE_POLICY_REQUIRE, NULL, false);

    cr_assert(mixed.active && !mixed.ask && !mixed.name_needed && !mixed.strict);
    cr_assert(dane.active && !dane.ask && dane.name_needed && !dane.strict);
    cr_assert(require.active && require.ask && require.name_needed && require.strict);
}

Test(policy, faults_close)
{
    char fault[] = "server.usages = x";
    struct dance_rules mixed = rules_of(DANCE_POLICY_MIXED, fault, false);
    struct dance_rules unknown = rules_of(DANCE_POLICY_MIXED, fault, true);

    cr_assert(mixed.name_needed && mixed.strict && !mixed.ask);
    cr_assert_eq(mixed.fault, fault);
    cr_assert(unknown.ask && unknown.strict && unknown.name_needed);
}
