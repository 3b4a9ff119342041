/*
 * keys.h: what can be configured.
 *
 * One table describes every key: section, name, parser, default, what is
 * allowed, and a line of documentation; struct dance_config has the values. A
 * parser takes one value and opens or looks up nothing.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_KEYS_H
#define DANCE_KEYS_H

#include "log.h"
#include "patterns.h"

#include <stdbool.h>
#include <stddef.h>

enum dance_section {
    DANCE_SECTION_MODULE,
    DANCE_SECTION_CLIENT,
    DANCE_SECTION_SERVER,
    DANCE_SECTION_DNS
};
#define DANCE_SECTIONS 4

enum dance_policy { DANCE_POLICY_MIXED, DANCE_POLICY_DANE, DANCE_POLICY_REQUIRE };

/* Bits of struct dance_config.usages: 1 << TLSA certificate usage (RFC 7218). */
#define DANCE_USAGE_BIT(usage) (1u << (usage))
#define DANCE_USAGES_PKIX (DANCE_USAGE_BIT(0) | DANCE_USAGE_BIT(1))
#define DANCE_USAGES_ALL 0xfu

/* Which chain of its TLSA RRset a client sends (chain.h). */
enum dance_client_chain { DANCE_CHAIN_NO, DANCE_CHAIN_COLLECTED, DANCE_CHAIN_OF_FILE };
/* What a server makes of a chain that a client sends. */
enum dance_server_chain { DANCE_CHAIN_OFF, DANCE_CHAIN_ACCEPT, DANCE_CHAIN_ONLY };

struct dance_given;

struct dance_config {
    char *fault[DANCE_SECTIONS]; /* NULL, or the first fault: key, value and what is allowed */
    struct dance_given *given;   /* every parameter that was set, as it was written */

    char *log_file;
    enum dance_log_target log_target;
    enum dance_log_level log_level;
    unsigned extension_type;
    unsigned chain_extension_type;

    unsigned timeout_ms;
    char *trust_anchor;
    char *forward;        /* NULL: iterate from the root */
    char *unbound_config; /* NULL: none */
    char *resolver;       /* "auto", a socket or a program */
    unsigned denial_ttl;  /* seconds that a denial may be believed */

    char *identity; /* as configured: its letter case is what servers are sent */
    char *private_key;
    char *certificate; /* NULL: made in memory */
    struct dance_patterns *servers;
    char *chain_file; /* NULL unless client_chain is DANCE_CHAIN_OF_FILE */
    enum dance_client_chain client_chain;

    struct dance_patterns *allow;
    char *allow_file;    /* NULL: none */
    char *service_label; /* the label that san_fallback puts before a name; NULL: none */
    enum dance_policy policy;
    unsigned usages;
    enum dance_server_chain server_chain;

    bool present[DANCE_SECTIONS]; /* the section is configured (always so for the module's own) */
    bool exit_if_inactive;        /* a process with a server section in which we cannot work ends */
    bool policy_unknown;          /* a policy was given that could have been meant as require */
    bool offer_raw_key;           /* client.raw_public_key */
    bool take_raw_key;            /* server.raw_public_key */
    bool certificate_names_any;
    bool san_fallback; /* a client without the extension is whom its certificate names */
    bool prefetch;
};

/* One key, for those who list them (the parameters asked of libcrypto, the documentation check). */
struct dance_config_key {
    enum dance_section section;
    const char *name;
    const char *fallback; /* the default; NULL: none; "" in a section: required */
    const char *allowed;
    const char *meaning;
    /* 1: taken; 0: not one of the allowed; -1: out of memory. */
    int (*parse)(struct dance_config *config, const char *value);
};
extern const struct dance_config_key dance_config_keys[];
extern const size_t dance_config_keys_count;

/* "" for the module's own keys, else "client", "server" or "dns". */
extern const char *const dance_section_names[DANCE_SECTIONS];

#define DANCE_PARAMETER_MAX 64

/* The libcrypto parameter of a key: its name, in a section "section.name". */
const char *dance_config_parameter(char out[DANCE_PARAMETER_MAX], enum dance_section section,
                                   const char *name);

#endif
