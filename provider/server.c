/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include "allow_file.h"
#include "cert_names.h"
#include "clientid.h"
#include "connection.h"
#include "enforce.h"
#include "log.h"
#include "lookup.h"
#include "policy.h"
#include "process.h"
#include "tlsa.h"
#include "verdict.h"

#include <openssl/err.h>
#include <string.h>

int dance_server_add_request(SSL *ssl, const unsigned char **out, size_t *out_len, int *alert)
{
    if (!dance_policy_rules(dance_config()).active)
        return 0;
    *alert = SSL_AD_INTERNAL_ERROR;
    if (!dance_enforce_prepare(ssl))
        return -1;
    /*
     * Without tickets the last word of dance_enforce_passed() is never asked,
     * so an application's cert_verify_callback has to give way here.
     */
    if (dance_policy_rules(dance_config()).strict && SSL_get_num_tickets(ssl) == 0)
        SSL_CTX_set_cert_verify_callback(SSL_get_SSL_CTX(ssl), dance_verdict, NULL);
    *out = dance_clientid_empty;
    *out_len = sizeof(dance_clientid_empty);
    return 1;
}

/* End the handshake for how the extension was sent. */
static int abort_with(struct dance_connection *c, int alert, int *out_alert,
                      enum dance_reason reason, const char *detail)
{
    c->reason = DANCE_R_NONE;
    c->detail[0] = '\0';
    dance_connection_fail(c, reason, "%s", detail);
    dance_connection_report(c, "refused", true);
    *out_alert = alert;
    return 0;
}

/* The usages that may authenticate this leaf, which may be none; fault says why some may not. */
static unsigned usages_for(const struct dance_config *config, const struct dance_connection *c,
                           const X509 *leaf, const char **fault)
{
    *fault = NULL;
    if (config->certificate_names_any)
        return config->usages;
    *fault = dance_cert_names_fault(leaf, c->name, strlen(c->name));
    /* A CA vouches for the names under the PKIX usages; under the DANE usages nobody does. */
    return *fault == NULL ? config->usages : config->usages & DANCE_USAGES_PKIX;
}

static void authenticate(SSL *ssl, struct dance_connection *c, X509 *leaf)
{
    const struct dance_config *config = dance_config();
    const char *fault;
    unsigned usages = usages_for(config, c, leaf, &fault);
    struct dance_lookup *lookup;
    int taken = 0;

    if (!dance_allowed(c->name, strlen(c->name))) {
        dance_connection_fail(c, DANCE_R_NAME_NOT_ALLOWED, "%s", "");
        return;
    }
    if (usages == 0) {
        dance_connection_fail(c, DANCE_R_CERTIFICATE_NAMES, "%s", fault);
        return;
    }
    lookup = dance_lookup_new();
    if (lookup == NULL)
        dance_connection_fail(c, DANCE_R_MEMORY, "%s", "");
    else if (!dance_lookup_run(lookup, c->name, strlen(c->name)))
        dance_connection_fail(c, DANCE_R_RESOLVER, "%s", lookup->why);
    else if (lookup->answer.status != DANCE_WIRE_SECURE)
        dance_connection_fail(c, dance_reason_of_status(lookup->answer.status), "%s", lookup->why);
    else if ((taken = dance_tlsa_give(ssl, c->name, &lookup->answer, usages)) < 0)
        dance_connection_fail(c, DANCE_R_INTERNAL, "%s", "libssl takes no TLSA records");
    else if (taken == 0 && fault != NULL)
        dance_connection_fail(c, DANCE_R_CERTIFICATE_NAMES, "%s", fault);
    else if (taken == 0)
        dance_connection_fail(c, DANCE_R_TLSA_UNUSABLE, "%s", "");
    if (taken > 0) {
        c->records = true;
        c->armed = true;
        c->ttl = lookup->answer.ttl;
        dance_verdict_limit_session(ssl, c->ttl);
    }
    dance_lookup_free(lookup);
}

int dance_server_parse_certificate(SSL *ssl, const unsigned char *data, size_t len, X509 *leaf,
                                   size_t entry, int *alert)
{
    struct dance_rules rules = dance_policy_rules(dance_config());
    struct dance_connection *c;
    const unsigned char *name;
    const char *fault;
    size_t name_len;

    if (!rules.active)
        return 1;
    c = dance_connection_get(ssl);
    *alert = SSL_AD_INTERNAL_ERROR;
    if (c == NULL)
        return 0;
    if (entry > 0) {
        if (c->named)
            return 1; /* said again beside an issuer's certificate: no matter */
        return abort_with(c, SSL_AD_HANDSHAKE_FAILURE, alert, DANCE_R_EXTENSION_MISPLACED, "");
    }
    if (!dance_clientid_decode(data, len, &name, &name_len))
        return abort_with(c, SSL_AD_DECODE_ERROR, alert, DANCE_R_EXTENSION_MALFORMED, "");
    if (name_len == 0)
        return abort_with(c, SSL_AD_HANDSHAKE_FAILURE, alert, DANCE_R_NAME_EMPTY, "");
    fault = dance_owner_name_fault((const char *)name, name_len);
    if (fault != NULL)
        return abort_with(c, SSL_AD_HANDSHAKE_FAILURE, alert, DANCE_R_NAME_MALFORMED, fault);
    if (c->named) {
        /* Post-handshake authentication once more: the records given to libssl are for one name. */
        if (dance_owner_name_equal(c->name, strlen(c->name), (const char *)name, name_len))
            return 1;
        return abort_with(c, SSL_AD_HANDSHAKE_FAILURE, alert, DANCE_R_NAME_CHANGED, "");
    }
    dance_owner_name_lower(c->name, (const char *)name, name_len);
    c->named = true;
    ERR_set_mark();
    if (rules.fault != NULL)
        dance_connection_fail(c, DANCE_R_CONFIGURATION, "%s", rules.fault);
    else
        authenticate(ssl, c, leaf);
    /* A refusal is enforced by libssl itself: nothing matches. */
    if (!c->records && !c->armed)
        c->armed = dance_tlsa_arm(ssl) == 1;
    ERR_pop_to_mark();
    return c->records || c->armed;
}

int dance_server_add_ticket(SSL *ssl, int *alert)
{
    *alert = SSL_AD_HANDSHAKE_FAILURE;
    return dance_enforce_passed(ssl) ? 0 : -1;
}
