/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

struct dance_rules dance_policy_rules(const struct dance_config *config)
{
    struct dance_rules rules = {.active = config->present[DANCE_SECTION_SERVER]};

    if (!rules.active)
        return rules;
    rules.fault = dance_config_fault(config, DANCE_SECTION_SERVER);
    rules.ask = config->policy == DANCE_POLICY_REQUIRE || config->policy_unknown;
    rules.name_needed = config->policy != DANCE_POLICY_MIXED || rules.fault != NULL || rules.ask;
    rules.strict = rules.ask || rules.fault != NULL;
    return rules;
}
