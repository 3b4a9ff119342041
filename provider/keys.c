/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include "openssl/compat.h"
#include "owner_name.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <string.h>

const char *const dance_section_names[DANCE_SECTIONS] = {"", "client", "server", "dns"};

#define TIMEOUT_MAX_SECONDS 60
#define DENIAL_TTL_MAX 86400

static int keep(char **where, const char *value)
{
    *where = OPENSSL_strdup(value);
    return *where != NULL ? 1 : -1;
}

/* A path or URI: anything but nothing. */
static int keep_text(char **where, const char *value)
{
    return *value != '\0' ? keep(where, value) : 0;
}

static int keep_path(char **where, const char *value)
{
    return *value == '/' ? keep(where, value) : 0;
}

/* The index of value among the words, or -1. */
static int one_of(const char *value, const char *const words[], int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(value, words[i]) == 0)
            return i;
    }
    return -1;
}

/* A decimal number without sign, blanks or anything behind it; 0 when it is not one. */
static int number(const char *value, unsigned long low, unsigned long high, unsigned *out)
{
    unsigned long n = 0;

    if (*value == '\0' || strlen(value) > 9)
        return 0;
    for (; *value != '\0'; value++) {
        if (*value < '0' || *value > '9')
            return 0;
        n = n * 10 + (unsigned long)(*value - '0');
    }
    if (n < low || n > high)
        return 0;
    *out = (unsigned)n;
    return 1;
}

static int parse_log(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"none", "stderr", "syslog"};
    int i = one_of(value, words, 3);

    if (i >= 0) {
        c->log_target = (enum dance_log_target)i;
        return 1;
    }
    c->log_target = *value == '/' ? DANCE_LOG_FILE : DANCE_LOG_SYSLOG;
    return keep_path(&c->log_file, value);
}

static int parse_log_level(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"error", "info", "debug"};
    int i = one_of(value, words, 3);

    c->log_level = i >= 0 ? (enum dance_log_level)i : DANCE_LOG_INFO;
    return i >= 0;
}

static int extension_type(unsigned *type, const char *value)
{
    return number(value, 0, 65535, type) && !SSL_extension_supported(*type);
}

static int parse_extension_type(struct dance_config *c, const char *value)
{
    return extension_type(&c->extension_type, value);
}

static int parse_chain_extension_type(struct dance_config *c, const char *value)
{
    /* Whether it is dane_clientid's shows when all is read (config.c). */
    return extension_type(&c->chain_extension_type, value);
}

static int parse_inactive(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"open", "exit"};
    int i = one_of(value, words, 2);

    /* What cannot be read may have been meant as exit. */
    c->exit_if_inactive = i != 0;
    return i >= 0;
}

static int parse_identity(struct dance_config *c, const char *value)
{
    return dance_owner_name_fault(value, strlen(value)) == NULL ? keep(&c->identity, value) : 0;
}

static int parse_private_key(struct dance_config *c, const char *value)
{
    return keep_text(&c->private_key, value);
}

static int parse_certificate(struct dance_config *c, const char *value)
{
    return keep_text(&c->certificate, value);
}

/* Raw public keys where libssl has none are refused, never accepted and then ignored. */
static int parse_raw_key(bool *where, const char *value)
{
    static const char *const words[] = {"no", "yes"};
    int i = one_of(value, words, dance_raw_key != NULL ? 2 : 1);

    *where = i == 1;
    return i >= 0;
}

static int parse_client_raw_key(struct dance_config *c, const char *value)
{
    return parse_raw_key(&c->offer_raw_key, value);
}

static int parse_server_raw_key(struct dance_config *c, const char *value)
{
    return parse_raw_key(&c->take_raw_key, value);
}

/* "no", "yes", or a label that begins with an underscore. */
static int parse_san_fallback(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"no", "yes"};
    int i = one_of(value, words, 2);

    c->san_fallback = i != 0;
    if (i >= 0)
        return 1;
    if (*value != '_' || strchr(value, '.') != NULL
        || dance_owner_name_fault(value, strlen(value)) != NULL)
        return 0;
    return keep(&c->service_label, value);
}

static int parse_patterns(struct dance_patterns **where, const char *value)
{
    struct dance_patterns_fault fault;

    *where = dance_patterns_read(value, strlen(value), DANCE_PATTERNS_VALUE, &fault);
    if (*where == NULL)
        return fault.text != NULL ? 0 : -1;
    return dance_patterns_count(*where) > 0;
}

static int parse_servers(struct dance_config *c, const char *value)
{
    return parse_patterns(&c->servers, value);
}

static int parse_allow(struct dance_config *c, const char *value)
{
    return parse_patterns(&c->allow, value);
}

static int parse_client_chain(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"no", "yes"};
    int i = one_of(value, words, 2);

    c->client_chain = i >= 0 ? (enum dance_client_chain)i : DANCE_CHAIN_OF_FILE;
    return i >= 0 ? 1 : keep_path(&c->chain_file, value);
}

static int parse_server_chain(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"no", "accept", "only"};
    int i = one_of(value, words, 3);

    c->server_chain = i >= 0 ? (enum dance_server_chain)i : DANCE_CHAIN_OFF;
    return i >= 0;
}

static int parse_policy(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"mixed", "dane", "require"};
    int i = one_of(value, words, 3);

    /* Never unset: a policy in the wrong section has been seen before the default is read. */
    c->policy_unknown = c->policy_unknown || i < 0;
    c->policy = i >= 0 ? (enum dance_policy)i : DANCE_POLICY_REQUIRE;
    return i >= 0;
}

static int parse_allow_file(struct dance_config *c, const char *value)
{
    return keep_path(&c->allow_file, value);
}

static int parse_certificate_names(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"match", "any"};
    int i = one_of(value, words, 2);

    c->certificate_names_any = i == 1;
    return i >= 0;
}

static int parse_prefetch(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"no", "yes"};
    int i = one_of(value, words, 2);

    c->prefetch = i == 1;
    return i >= 0;
}

static int parse_usages(struct dance_config *c, const char *value)
{
    static const char *const words[] = {"pkix-ta", "pkix-ee", "dane-ta", "dane-ee"};
    char word[16];

    c->usages = 0;
    while (*value != '\0') {
        size_t len = strcspn(value, ", \t");
        int i;

        if (len > 0) {
            if (len >= sizeof(word))
                return 0;
            memcpy(word, value, len);
            word[len] = '\0';
            i = one_of(word, words, 4);
            if (i < 0)
                return 0;
            c->usages |= DANCE_USAGE_BIT(i);
        }
        value += len;
        value += strspn(value, ", \t");
    }
    return c->usages != 0;
}

static int parse_trust_anchor(struct dance_config *c, const char *value)
{
    return keep_path(&c->trust_anchor, value);
}

static int parse_forward(struct dance_config *c, const char *value)
{
    const char *at = value;

    /*
     * '#' begins a comment in openssl.cnf, so an unescaped "@853#name" arrives
     * here as "@853", and queries meant for TLS would go out in the clear.
     * Where the file shows that it was so (comment.h), it arrives as "@853#".
     */
    while ((at = strstr(at, "@853")) != NULL) {
        at += 4;
        if (*at != '#' && (*at < '0' || *at > '9'))
            return 0;
    }
    if (*value != '\0' && value[strlen(value) - 1] == '#')
        return 0;
    return keep_text(&c->forward, value);
}

static int parse_unbound_config(struct dance_config *c, const char *value)
{
    return keep_path(&c->unbound_config, value);
}

static int parse_timeout(struct dance_config *c, const char *value)
{
    unsigned seconds;

    if (!number(value, 1, TIMEOUT_MAX_SECONDS, &seconds))
        return 0;
    c->timeout_ms = seconds * 1000;
    return 1;
}

static int parse_denial_ttl(struct dance_config *c, const char *value)
{
    return number(value, 0, DENIAL_TTL_MAX, &c->denial_ttl);
}

static int parse_resolver(struct dance_config *c, const char *value)
{
    return strcmp(value, "auto") == 0 ? keep(&c->resolver, value) : keep_path(&c->resolver, value);
}

#define MODULE DANCE_SECTION_MODULE
#define CLIENT DANCE_SECTION_CLIENT
#define SERVER DANCE_SECTION_SERVER
#define DNS DANCE_SECTION_DNS

#define RAW_KEY_ALLOWED                                                                            \
    "no, or yes with OpenSSL 3.2 or later (in the application, and when dance was built)"

const struct dance_config_key dance_config_keys[] = {
    {MODULE, "log", "syslog", "none, stderr, syslog or an absolute path", "where log lines go",
     parse_log},
    {MODULE, "log_level", "info", "error, info or debug", "how much is logged", parse_log_level},
    {MODULE, "extension_type", "65280", "a number from 0 to 65535 that OpenSSL does not use itself",
     "the TLS extension type of dane_clientid until IANA assigns one", parse_extension_type},
    {MODULE, "chain_extension_type", "65283",
     "a number from 0 to 65535 that OpenSSL does not use itself, other than extension_type",
     "the TLS extension type of a DNSSEC chain (chain)", parse_chain_extension_type},
    {MODULE, "inactive", "open", "open or exit",
     "what becomes of a process with a server section in which dance cannot work: it goes on "
     "without, or ends",
     parse_inactive},
    {CLIENT, "identity", "",
     "a domain name of letters, digits, hyphens and underscores, without a trailing dot",
     "the owner name of the client's TLSA record", parse_identity},
    {CLIENT, "private_key", "", "a file or an OSSL_STORE URI",
     "the client's private key; no passphrase is ever asked for", parse_private_key},
    {CLIENT, "certificate", NULL, "a file or an OSSL_STORE URI",
     "the client's certificate and chain; made in memory from the key when absent",
     parse_certificate},
    {CLIENT, "raw_public_key", "no", RAW_KEY_ALLOWED,
     "offer a raw public key (RFC 7250), with the certificate as fallback", parse_client_raw_key},
    {CLIENT, "servers", "*", "server names, *.suffix or *, separated by commas",
     "the servers (by SNI) that may learn the identity", parse_servers},
    {CLIENT, "chain", "no", "no, yes or an absolute path",
     "send the DNSSEC chain of the TLSA record to servers that take one: the one that the resolver "
     "collects, or a file's",
     parse_client_chain},
    {SERVER, "policy", "mixed", "mixed, dane or require", "who must be authenticated by DANE",
     parse_policy},
    {SERVER, "allow", "", "owner names, *.suffix or *, separated by commas",
     "the clients that are let in; * alone: any name in a signed zone", parse_allow},
    {SERVER, "allow_file", NULL, "an absolute path", "more patterns, one a line", parse_allow_file},
    {SERVER, "certificate_names", "match", "match or any",
     "whether a certificate may name somebody else than its client", parse_certificate_names},
    {SERVER, "raw_public_key", "no", RAW_KEY_ALLOWED, "accept raw public keys (RFC 7250)",
     parse_server_raw_key},
    {SERVER, "usages", "pkix-ta, pkix-ee, dane-ta, dane-ee",
     "pkix-ta, pkix-ee, dane-ta and dane-ee, separated by commas", "the TLSA usages that count",
     parse_usages},
    {SERVER, "san_fallback", "no", "no, yes or a service label such as _smtp-client",
     "take the name of a client that does not send the extension from its certificate",
     parse_san_fallback},
    {SERVER, "chain", "no", "no, accept or only",
     "take the DNSSEC chain that a client sends in place of a lookup; only: never ask DNS",
     parse_server_chain},
    {SERVER, "prefetch", "no", "yes or no",
     "keep the names of allow and allow_file that have no wildcard looked up ahead",
     parse_prefetch},
    {DNS, "trust_anchor", "/usr/share/dns/root.key", "an absolute path",
     "the DS or DNSKEY records to trust; of an RFC 5011 state file the valid keys",
     parse_trust_anchor},
    {DNS, "forward", NULL,
     "ADDRESS, ADDRESS@PORT, ADDRESS@PORT#NAME (DNS over TLS; write \\# in openssl.cnf, where # "
     "begins a comment), separated by commas, or system",
     "the resolvers to ask instead of iterating from the root", parse_forward},
    {DNS, "unbound_config", NULL, "an absolute path",
     "further settings for libunbound, in the form of unbound.conf", parse_unbound_config},
    {DNS, "timeout", "3", "1 to 60 (seconds)",
     "how long a handshake or a dane: URI may wait for DNS", parse_timeout},
    {DNS, "denial_ttl", "30", "0 to 86400 (seconds)",
     "for how long, at the most, it is believed that there is no record", parse_denial_ttl},
    {DNS, "resolver", "auto", "auto, or the absolute path of a socket or of the program",
     "who makes the lookups", parse_resolver},
};
const size_t dance_config_keys_count = sizeof(dance_config_keys) / sizeof(dance_config_keys[0]);

const char *dance_config_parameter(char out[DANCE_PARAMETER_MAX], enum dance_section section,
                                   const char *name)
{
    size_t prefix = strlen(dance_section_names[section]);
    size_t len = strlen(name);

    /* Not by snprintf(): some hundred of these are part of the start of every process. */
    if (prefix + len + 2 > DANCE_PARAMETER_MAX)
        return name;
    memcpy(out, dance_section_names[section], prefix);
    if (section != MODULE)
        out[prefix++] = '.';
    memcpy(out + prefix, name, len + 1);
    return out;
}
