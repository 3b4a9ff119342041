/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "join.h"

#include "pairs.h"

static enum dance_config_relation compare_with(const struct pair *first, const struct pair *second,
                                               const char *key)
{
    struct dance_config *a = read_pairs(first);
    struct dance_config *b = read_pairs(second);
    const char *differs;
    enum dance_config_relation relation = dance_config_compare(a, b, &differs);

    cr_assert_eq(relation == DANCE_CONFIG_OTHER, differs != NULL);
    cr_assert(key == NULL || (differs != NULL && strcmp(key, differs) == 0), "%s, not %s", differs,
              key);
    dance_config_free(a);
    dance_config_free(b);
    return relation;
}

#define PAIRS(...)                                                                                 \
    (const struct pair[])                                                                          \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }

Test(join, two_of_one_process)
{
    const struct pair *client = PAIRS(GOOD_CLIENT);
    const struct pair *server = PAIRS(GOOD_SERVER, {"server.policy", "require"});
    const struct pair *both = PAIRS(GOOD_CLIENT, GOOD_SERVER, {"server.policy", "require"});
    const struct pair *spelt_out = PAIRS(GOOD_CLIENT, {"client.servers", "*"}, {"log", "syslog"});
    const struct pair *mixed = PAIRS(GOOD_SERVER);
    const struct pair *elsewhere = PAIRS(GOOD_SERVER, {"log", "stderr"});
    const struct pair *dns = PAIRS({"dns.timeout", "1"});
    const struct pair *misplaced = PAIRS({"policy", "require"}, {"module", "dance.so"});

    cr_assert_eq(compare_with(client, client, NULL), DANCE_CONFIG_SAME);
    cr_assert_eq(compare_with(both, both, NULL), DANCE_CONFIG_SAME);
    cr_assert_eq(compare_with(client, spelt_out, NULL), DANCE_CONFIG_SAME);
    cr_assert_eq(compare_with(spelt_out, client, NULL), DANCE_CONFIG_SAME);
    cr_assert_eq(compare_with(both, client, NULL), DANCE_CONFIG_SAME);
    cr_assert_eq(compare_with(both, server, NULL), DANCE_CONFIG_SAME);
    cr_assert_eq(compare_with(elsewhere, client, NULL), DANCE_CONFIG_MORE);
    cr_assert_eq(compare_with(client, server, NULL), DANCE_CONFIG_MORE);
    cr_assert_eq(compare_with(server, client, NULL), DANCE_CONFIG_MORE);
    cr_assert_eq(compare_with(client, both, NULL), DANCE_CONFIG_MORE);
    cr_assert_eq(compare_with(client, dns, NULL), DANCE_CONFIG_MORE);
    cr_assert_eq(compare_with(server, mixed, "server.policy"), DANCE_CONFIG_OTHER);
    cr_assert_eq(compare_with(mixed, server, "server.policy"), DANCE_CONFIG_OTHER);
    cr_assert_eq(compare_with(mixed, both, "server.policy"), DANCE_CONFIG_OTHER);
    cr_assert_eq(compare_with(client, elsewhere, "log"), DANCE_CONFIG_OTHER);
    /* The resolver may run by then. */
    cr_assert_eq(compare_with(server, dns, NULL), DANCE_CONFIG_OTHER);
    cr_assert_eq(compare_with(client, misplaced, "policy"), DANCE_CONFIG_OTHER);
}

/* The resolver may run for the client's chain by then, with what its own configuration said. */
Test(join, a_client_with_a_chain_has_a_resolver)
{
    const struct pair *client = PAIRS(GOOD_CLIENT, {"client.chain", "yes"});
    const struct pair *of_file = PAIRS(GOOD_CLIENT, {"client.chain", "/chain"});
    const struct pair *server = PAIRS(GOOD_SERVER, {"server.policy", "require"});
    const struct pair *anchored = PAIRS(GOOD_SERVER, {"dns.trust_anchor", "/a"});
    const struct pair *like_client = PAIRS(GOOD_SERVER, {"dns.timeout", "3"});

    cr_assert_eq(compare_with(client, server, NULL), DANCE_CONFIG_MORE);
    cr_assert_eq(compare_with(server, client, NULL), DANCE_CONFIG_MORE);
    cr_assert_eq(compare_with(client, like_client, NULL), DANCE_CONFIG_MORE);
    cr_assert_eq(compare_with(client, anchored, "dns.trust_anchor"), DANCE_CONFIG_OTHER);
    cr_assert_eq(compare_with(of_file, anchored, NULL), DANCE_CONFIG_MORE);
    /* Here it runs as the first says, and who comes second says nothing else. */
    cr_assert_eq(compare_with(anchored, client, NULL), DANCE_CONFIG_MORE);
}

Test(join, two_that_are_joined)
{
    struct dance_config *a = CONFIG(GOOD_CLIENT, {"log", "stderr"});
    struct dance_config *b = CONFIG(GOOD_SERVER, {"server.policy", "dane"});
    struct dance_config *c = dance_config_join(a, b);

    cr_assert_not_null(c);
    dance_config_free(a);
    dance_config_free(b);
    cr_assert_str_eq(c->identity, "a.example.com");
    cr_assert_eq(c->policy, DANCE_POLICY_DANE);
    cr_assert_eq(c->log_target, DANCE_LOG_STDERR);
    for (int s = 0; s < DANCE_SECTIONS; s++)
        cr_assert_null(c->fault[s], "%s", c->fault[s]);
    dance_config_free(c);
}
