/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/claim.h"

#include "files/allow.h"
#include "lookup/ask.h"
#include "names/carried_chain.h"
#include "names/certificate.h"
#include "names/san.h"
#include "openssl/compat.h"
#include "process.h"
#include "server/records.h"

#include <openssl/err.h>
#include <string.h>
#include <time.h>

/* The usages that may authenticate this leaf, which may be none; fault says why some may not. */
static unsigned usages_for(const struct dance_connection *c, const X509 *leaf, const char **fault)
{
    const struct dance_config *config = dance_config();

    *fault = NULL;
    /* A raw public key names nobody; libssl matches it with DANE-EE(3) SPKI(1) records alone. */
    if (config->certificate_names_any || leaf == NULL)
        return config->usages;
    *fault = dance_cert_names_fault(leaf, c->name, strlen(c->name));
    /* A CA vouches for the names under the PKIX usages; under the DANE usages nobody does. */
    return *fault == NULL ? config->usages : config->usages & DANCE_USAGES_PKIX;
}

/* Without the DNS there is nothing to ask; false with the reason. */
static bool has_chain(struct dance_connection *c)
{
    if (c->chain != NULL || dance_config()->server_chain != DANCE_CHAIN_ONLY)
        return true;
    dance_connection_fail(c, c->chain_fault != NULL ? DANCE_R_CHAIN : DANCE_R_CHAIN_ABSENT, "%s",
                          c->chain_fault != NULL ? c->chain_fault : "");
    return false;
}

/* The answer is none: by the DNS, or by the chain. */
static void fail_by(struct dance_connection *c, const struct dance_lookup *lookup)
{
    static const char of_chain[] = DANCE_LOOKUP_OF_CHAIN;
    const size_t len = sizeof(of_chain) - 1;

    if (c->chain != NULL && strncmp(lookup->why, of_chain, len) == 0)
        dance_connection_fail(c, DANCE_R_CHAIN, "%s", lookup->why + len);
    else
        dance_connection_fail(c, dance_reason_of_status(lookup->answer.status), "%s", lookup->why);
}

/* Look up; true with the holder's records, false with the reason. */
static bool find(SSL *ssl, struct dance_connection *c, const X509 *leaf)
{
    const char *fault;
    unsigned usages = usages_for(c, leaf, &fault);
    struct dance_lookup *lookup;
    int taken = 0;

    if (dance_rules()->fault != NULL) {
        dance_connection_fail(c, DANCE_R_CONFIGURATION, "%s", dance_rules()->fault);
        return false;
    }
    if (leaf == NULL && !dance_config()->take_raw_key) {
        /* The application negotiated it by itself. */
        dance_connection_fail(c, DANCE_R_RAW_KEY, "%s", "");
        return false;
    }
    if (!dance_allowed(c->name, strlen(c->name))) {
        dance_connection_fail(c, DANCE_R_NAME_NOT_ALLOWED, "%s", "");
        return false;
    }
    if (usages == 0) {
        dance_connection_fail(c, DANCE_R_CERTIFICATE_NAMES, "%s", fault);
        return false;
    }
    if (!has_chain(c))
        return false;
    lookup = dance_lookup_new();
    if (lookup == NULL)
        dance_connection_fail(c, DANCE_R_MEMORY, "%s", "");
    else if (!dance_lookup_run_with_chain(lookup, c->name, strlen(c->name), c->chain, c->chain_len,
                                          dance_is_quic(ssl)))
        dance_connection_fail(c, DANCE_R_RESOLVER, "%s", lookup->why);
    else if (lookup->answer.status != DANCE_WIRE_SECURE)
        fail_by(c, lookup);
    else if ((taken = dance_records_give(ssl, c, &lookup->answer, usages)) < 0)
        dance_connection_fail(c, DANCE_R_INTERNAL, "%s", "libssl takes no TLSA records");
    else if (taken == 0 && fault != NULL)
        dance_connection_fail(c, DANCE_R_CERTIFICATE_NAMES, "%s", fault);
    else if (taken == 0)
        dance_connection_fail(c, DANCE_R_TLSA_UNUSABLE, "%s", "");
    if (taken > 0) {
        c->ttl = lookup->answer.ttl;
        c->until = (long long)time(NULL) + (long long)c->ttl;
    }
    dance_lookup_free(lookup);
    return taken > 0;
}

/* Is it the connection's identity, or may it become that? */
static enum dance_event event_of(const struct dance_connection *c, const char *name, size_t len)
{
    return !c->state.tied || dance_owner_name_equal(c->name, strlen(c->name), name, len)
               ? DANCE_NAME
               : DANCE_OTHER_NAME;
}

bool dance_claim(SSL *ssl, struct dance_connection *c, const char *name, size_t len,
                 const X509 *leaf)
{
    bool found;

    if (dance_connection_step(ssl, c, event_of(c, name, len)) == DANCE_REFUSE) {
        dance_connection_fail(c, DANCE_R_NAME_CHANGED, "%s", "");
        return false;
    }
    dance_owner_name_lower(c->name, name, len);
    c->reference = 0;
    ERR_set_mark();
    found = find(ssl, c, leaf);
    ERR_pop_to_mark();
    return dance_connection_step(ssl, c, found ? DANCE_FOUND : DANCE_NOT_FOUND) != DANCE_REFUSE;
}

/* The chain in the certificate of a client that brought none otherwise; false with the reason. */
static bool take_carried(struct dance_connection *c, const X509 *leaf)
{
    const uint8_t *carried;
    size_t len;

    if (dance_config()->server_chain == DANCE_CHAIN_OFF || c->chain != NULL)
        return true;
    if (!dance_carried_chain(leaf, &carried, &len) || dance_connection_take_chain(c, carried, len))
        return true;
    dance_connection_fail(c, DANCE_R_MEMORY, "%s", "");
    return false;
}

/*
 * Under mixed, who never claimed to have a record, and whom the zone's owner says to have none,
 * is the application's affair; so is a name that we do not know.
 */
static bool is_nobodys(enum dance_reason reason)
{
    return dance_rules()->level == DANCE_MIXED
           && (reason == DANCE_R_TLSA_ABSENT || reason == DANCE_R_TLSA_INSECURE
               || reason == DANCE_R_NAME_NOT_ALLOWED);
}

void dance_claim_fallback(SSL *ssl, struct dance_connection *c, const X509 *leaf)
{
    const struct dance_config *config = dance_config();
    char name[DANCE_NAME_MAX + 1];
    const char *fault;
    bool found;

    if (!config->san_fallback || leaf == NULL)
        return;
    fault = dance_san_name(leaf, config->service_label, name);
    if (fault != NULL || event_of(c, name, strlen(name)) == DANCE_OTHER_NAME) {
        /* The verdict on whoever says no name follows. */
        if (!c->state.tied && dance_rules()->level > DANCE_MIXED)
            dance_connection_fail(c, DANCE_R_EXTENSION_ABSENT, "%s", fault);
        return;
    }
    memcpy(c->name, name, sizeof(c->name));
    c->reference = config->service_label != NULL ? strlen(config->service_label) + 1 : 0;
    ERR_set_mark();
    found = take_carried(c, leaf) && find(ssl, c, leaf);
    ERR_pop_to_mark();
    if (!found && !c->state.tied && is_nobodys(c->reason)) {
        c->reason = DANCE_R_NONE;
        c->name[0] = c->detail[0] = '\0';
        return;
    }
    (void)dance_connection_step(ssl, c, DANCE_NAME);
    (void)dance_connection_step(ssl, c, found ? DANCE_FOUND : DANCE_NOT_FOUND);
}
