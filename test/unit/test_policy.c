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

    cr_assert_not(dance_policy_rules(&config).active);
}

Test(policy, the_three_policies)
{
    cr_assert(rules_of(DANCE_POLICY_MIXED, NULL, false).active);
    cr_assert_eq(rules_of(DANCE_POLICY_MIXED, NULL, false).level, DANCE_MIXED);
    cr_assert_eq(rules_of(DANCE_POLICY_DANE, NULL, false).level, DANCE_DANE);
    cr_assert_eq(rules_of(DANCE_POLICY_REQUIRE, NULL, false).level, DANCE_REQUIRE);
}

Test(policy, faults_close)
{
    char fault[] = "server.usages = x";

    cr_assert_eq(rules_of(DANCE_POLICY_MIXED, fault, false).level, DANCE_CLOSED);
    cr_assert_eq(rules_of(DANCE_POLICY_DANE, fault, false).level, DANCE_CLOSED);
    cr_assert_eq(rules_of(DANCE_POLICY_REQUIRE, fault, false).level, DANCE_REQUIRE);
    cr_assert_eq(rules_of(DANCE_POLICY_MIXED, fault, true).level, DANCE_REQUIRE);
    cr_assert_eq(rules_of(DANCE_POLICY_MIXED, fault, false).fault, fault);
}
