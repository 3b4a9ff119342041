/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

struct dance_rules dance_policy_rules(const struct dance_config *config)
{
    struct dance_rules rules = {.active = config->present[DANCE_SECTION_SERVER]};

    if (!rules.active)
        return rules;
    rules.fault = dance_config_fault(config, DANCE_SECTION_SERVER);
    if (config->policy == DANCE_POLICY_REQUIRE || config->policy_unknown)
        rules.level = DANCE_REQUIRE;
    else if (rules.fault != NULL)
        rules.level = DANCE_CLOSED;
    else if (config->policy == DANCE_POLICY_DANE)
        rules.level = DANCE_DANE;
    return rules;
}
