/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pairs.h"

#include <stdio.h>
#include <stdlib.h>

Test(config, nothing_configured_is_nothing_wrong)
{
    struct dance_config *c = CONFIG({"module", "dance.so"});

    cr_assert_not(c->present[DANCE_SECTION_CLIENT] || c->present[DANCE_SECTION_SERVER]);
    for (int s = 0; s < DANCE_SECTIONS; s++)
        cr_assert_null(c->fault[s]);
    cr_assert_eq(c->log_target, DANCE_LOG_SYSLOG);
    cr_assert_eq(c->extension_type, 65280);
    cr_assert_eq(c->timeout_ms, 3000);
    cr_assert_str_eq(c->resolver, "auto");
    dance_config_free(c);
}

Test(config, a_whole_configuration_is_read)
{
    struct dance_config *c =
        CONFIG(GOOD_CLIENT, {"client.servers", "*.example.net"}, {"client.certificate", "/c"},
               GOOD_SERVER, {"server.policy", "require"}, {"server.usages", "dane-ee,dane-ta"},
               {"server.certificate_names", "any"}, {"server.allow_file", "/f"},
               {"dns.forward", "192.0.2.1@853#dns.example.net"}, {"dns.timeout", "7"},
               {"log", "/var/log/dance"}, {"log_level", "debug"}, {"client.chain", "/chain"},
               {"server.chain", "only"});

    for (int s = 0; s < DANCE_SECTIONS; s++)
        cr_assert_null(c->fault[s], "%s", c->fault[s]);
    cr_assert_str_eq(c->identity, "a.example.com");
    cr_assert_eq(c->policy, DANCE_POLICY_REQUIRE);
    cr_assert_eq(c->usages, DANCE_USAGE_BIT(2) | DANCE_USAGE_BIT(3));
    cr_assert(c->certificate_names_any);
    cr_assert_eq(c->timeout_ms, 7000);
    cr_assert_eq(c->client_chain, DANCE_CHAIN_OF_FILE);
    cr_assert_str_eq(c->chain_file, "/chain");
    cr_assert_eq(c->server_chain, DANCE_CHAIN_ONLY);
    cr_assert_eq(c->log_target, DANCE_LOG_FILE);
    cr_assert(dance_patterns_match(c->allow, "x.example.com", 13));
    cr_assert(dance_patterns_match(c->servers, "x.example.net", 13));
    dance_config_free(c);
}

Test(config, every_default_is_good)
{
    struct dance_config *c = CONFIG(GOOD_CLIENT, GOOD_SERVER);

    for (int s = 0; s < DANCE_SECTIONS; s++)
        cr_assert_null(c->fault[s], "%s", c->fault[s]);
    cr_assert_eq(c->policy, DANCE_POLICY_MIXED);
    cr_assert_eq(c->usages, DANCE_USAGES_ALL);
    cr_assert_not(c->certificate_names_any);
    cr_assert_eq(c->client_chain, DANCE_CHAIN_NO);
    cr_assert_eq(c->server_chain, DANCE_CHAIN_OFF);
    cr_assert_eq(c->chain_extension_type, 65283);
    dance_config_free(c);
}

Test(config, each_faulty_value_names_key_value_and_what_is_allowed)
{
    static const struct pair bad[] = {
        {"log", "relative"},
        {"log_level", "verbose"},
        {"inactive", "Exit"},
        {"extension_type", "65536"},
        {"extension_type", "-1"},
        {"extension_type", "10"},
        {"chain_extension_type", "65281"}, /* renegotiation_info */
        {"chain_extension_type", "65280"}, /* dane_clientid */
        {"client.chain", "chain"},
        {"server.chain", "yes"},
        {"client.identity", "example.com."},
        {"client.identity", "b\xc3\xbc.example"},
        {"client.private_key", ""},
        {"client.raw_public_key", "maybe"},
        {"client.servers", "foo*"},
        {"server.policy", "Require"},
        {"server.policy", ""},
        {"server.allow", ""},
        {"server.allow", "*foo"},
        {"server.allow_file", "allowed"},
        {"server.certificate_names", "none"},
        {"server.raw_public_key", "Yes"},
        {"server.usages", "dane"},
        {"server.usages", ""},
        {"server.san_fallback", "maybe"},
        {"server.san_fallback", "_smtp-client.relay"},
        {"server.san_fallback", "smtp-client"},
        {"server.prefetch", "maybe"},
        {"server.prefetch", ""},
        {"dns.trust_anchor", "root.key"},
        {"dns.forward", "192.0.2.53@853"},
        {"dns.forward", "192.0.2.53#"},
        {"dns.forward", "127.0.0.1, 192.0.2.53@853, 192.0.2.54"},
        {"dns.unbound_config", "x"},
        {"dns.timeout", "0"},
        {"dns.timeout", "61"},
        {"dns.timeout", "3s"},
        {"dns.resolver", "yes"},
        {"dns.denial_ttl", "-1"},
        {"dns.denial_ttl", "86401"},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct dance_config *c = CONFIG(bad[i], GOOD_CLIENT, GOOD_SERVER);
        const char *fault = NULL;
        char begins[128];

        for (int s = 0; s < DANCE_SECTIONS && fault == NULL; s++)
            fault = c->fault[s];
        cr_assert_not_null(fault, "%s = %s", bad[i].name, bad[i].value);
        (void)snprintf(begins, sizeof(begins), "%s = %s: allowed: ", bad[i].name, bad[i].value);
        cr_assert_eq(strncmp(fault, begins, strlen(begins)), 0, "%s", fault);
        dance_config_free(c);
    }
}

/* The first fault of these keys; "" where there is none. */
static const char *fault_of(struct dance_config *c)
{
    static char text[800];

    text[0] = '\0';
    for (int s = DANCE_SECTIONS - 1; s >= 0; s--) {
        if (c->fault[s] != NULL)
            (void)snprintf(text, sizeof(text), "%s", c->fault[s]);
    }
    dance_config_free(c);
    return text;
}

Test(config, chains)
{
    const struct pair same = {"extension_type", "65283"};

    /* Nothing is wrong with the number of somebody who has no chains. */
    cr_expect_str_empty(fault_of(CONFIG(same, GOOD_CLIENT, GOOD_SERVER)));
    cr_expect_str_eq(fault_of(CONFIG(same, GOOD_CLIENT, {"client.chain", "yes"})),
                     "chain_extension_type = 65283: allowed: another number than that of "
                     "extension_type");
    cr_expect_str_eq(fault_of(CONFIG(same, GOOD_SERVER, {"server.chain", "accept"})),
                     "chain_extension_type = 65283: allowed: another number than that of "
                     "extension_type");
    cr_expect_str_empty(
        fault_of(CONFIG(GOOD_SERVER, {"server.chain", "accept"}, {"server.prefetch", "yes"})));
    cr_expect_str_eq(
        fault_of(CONFIG(GOOD_SERVER, {"server.chain", "only"}, {"server.prefetch", "yes"})),
        "server.prefetch = yes: not beside server.chain = only, with which nothing is looked up");
}

/* The fault of a dns section with this resolver and one more key. */
static char *fault_beside(const char *resolver, const char *name, const char *value)
{
    struct dance_config *c = CONFIG(GOOD_SERVER, {"dns.resolver", resolver}, {name, value});
    char *fault = c->fault[DANCE_SECTION_DNS] != NULL ? strdup(c->fault[DANCE_SECTION_DNS]) : NULL;

    dance_config_free(c);
    return fault;
}

Test(config, what_a_service_is_told_by_its_own_options_is_a_fault_beside_its_socket)
{
    static const struct pair services[] = {{"dns.trust_anchor", "/a"},
                                           {"dns.forward", "192.0.2.1"},
                                           {"dns.unbound_config", "/u"},
                                           {"dns.denial_ttl", "30"}};
    static const char *const sockets[] = {"/run/dance/resolver", "/var/run/x",
                                          "/nonexistent/x.sock", "/dev/null"};
    static const char *const programs[] = {"auto", "/bin/sh", "/nonexistent/program"};

    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        const char *name = services[i].name, *value = services[i].value;

        for (size_t j = 0; j < sizeof(sockets) / sizeof(sockets[0]); j++) {
            char *fault = fault_beside(sockets[j], name, value);
            char begins[128];

            (void)snprintf(begins, sizeof(begins), "%s = %s: not beside", name, value);
            cr_assert_not_null(fault, "%s %s", sockets[j], name);
            cr_assert_eq(strncmp(fault, begins, strlen(begins)), 0, "%s", fault);
            free(fault);
        }
        for (size_t j = 0; j < sizeof(programs) / sizeof(programs[0]); j++)
            cr_assert_null(fault_beside(programs[j], name, value), "%s", programs[j]);
    }
    cr_assert_null(fault_beside("/run/dance/resolver.sock", "dns.timeout", "7"));
}

Test(config, required_keys_are_missed)
{
    struct dance_config *c = CONFIG({"server.policy", "dane"}, {"client.servers", "*"});

    cr_assert_eq(strncmp(c->fault[DANCE_SECTION_SERVER], "server.allow = (missing): required", 34),
                 0);
    cr_assert_eq(strncmp(c->fault[DANCE_SECTION_CLIENT], "client.identity = (missing)", 27), 0);
    dance_config_free(c);
}

Test(config, a_section_that_does_not_exist_closes)
{
    struct dance_config *c = CONFIG({"server", "dance_sever"});

    cr_assert(c->present[DANCE_SECTION_SERVER]);
    cr_assert(c->policy_unknown);
    cr_assert_not_null(dance_config_fault(c, DANCE_SECTION_SERVER));
    cr_assert_null(dance_config_fault(c, DANCE_SECTION_CLIENT));
    dance_config_free(c);
}

Test(config, an_unknown_policy_may_have_been_require)
{
    struct dance_config *c = CONFIG({"server.policy", "required"}, GOOD_SERVER);

    cr_assert(c->policy_unknown);
    dance_config_free(c);
}

Test(config, a_key_in_the_wrong_section_is_a_fault)
{
    struct dance_config *c = CONFIG({"policy", "require"}, {"module", "dance.so"});

    cr_assert_not_null(c->fault[DANCE_SECTION_MODULE]);
    cr_assert(c->present[DANCE_SECTION_SERVER]);
    cr_assert(c->policy_unknown);
    cr_assert_not_null(dance_config_fault(c, DANCE_SECTION_SERVER));
    dance_config_free(c);
    c = CONFIG({"client.policy", "require"}, GOOD_CLIENT);
    cr_assert_str_eq(c->fault[DANCE_SECTION_CLIENT],
                     "client.policy = require: not a key of this section");
    dance_config_free(c);
}

Test(config, one_that_refuses_everybody_needs_no_memory)
{
    static struct dance_config closed;
    static char fault[] = "why";
    struct dance_config *c = CONFIG(GOOD_CLIENT, {"log", "stderr"});

    dance_config_close(&closed, fault);
    cr_assert(closed.present[DANCE_SECTION_SERVER] && closed.policy_unknown);
    cr_assert_str_eq(dance_config_fault(&closed, DANCE_SECTION_SERVER), "why");
    cr_assert_eq(closed.extension_type, 65280);
    cr_assert_eq(closed.log_target, DANCE_LOG_SYSLOG);
    closed = *c;
    dance_config_close(&closed, fault);
    cr_assert(closed.present[DANCE_SECTION_CLIENT] && closed.present[DANCE_SECTION_SERVER]);
    cr_assert_null(dance_config_fault(&closed, DANCE_SECTION_CLIENT));
    cr_assert_eq(closed.log_target, DANCE_LOG_STDERR);
    dance_config_free(c);
}

Test(config, what_may_have_been_meant_as_exit_is_exit)
{
    struct dance_config *c = CONFIG(GOOD_SERVER, {"inactive", "open"});

    cr_assert_not(c->exit_if_inactive);
    dance_config_free(c);
    c = CONFIG(GOOD_SERVER, {"inactive", "EXIT"});
    cr_assert(c->exit_if_inactive);
    dance_config_free(c);
    c = CONFIG(GOOD_SERVER);
    cr_assert_not(c->exit_if_inactive);
    dance_config_free(c);
}

/* It may hold a PIN. */
Test(config, a_private_key_in_the_wrong_section_is_not_told)
{
    struct dance_config *c = CONFIG(GOOD_SERVER, {"server.private_key", "pkcs11:x?pin-value=1"});

    cr_assert_str_eq(c->fault[DANCE_SECTION_SERVER],
                     "server.private_key = ...: not a key of this section");
    dance_config_free(c);
    c = CONFIG(GOOD_SERVER, {"dns.certificate", "pkcs11:x;pin-value=1"});
    cr_assert_str_eq(c->fault[DANCE_SECTION_DNS],
                     "dns.certificate = ...: not a key of this section");
    dance_config_free(c);
}

Test(config, every_key_has_words_for_its_documentation)
{
    for (size_t i = 0; i < dance_config_keys_count; i++) {
        cr_assert_not_null(dance_config_keys[i].meaning);
        cr_assert_not_null(dance_config_keys[i].allowed);
        cr_assert_not_null(dance_config_keys[i].parse);
    }
}
