/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/extension.h"

#include "files/allow.h"
#include "log.h"
#include "lookup/ask.h"
#include "names/certificate.h"
#include "names/clientid.h"
#include "names/san.h"
#include "openssl/compat.h"
#include "policy.h"
#include "process.h"
#include "server/connection.h"
#include "server/enforce.h"
#include "server/records.h"
#include "server/verdict.h"
#include "server/watch.h"

#include <openssl/err.h>
#include <string.h>
#include <time.h>

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

int dance_server_add_request(SSL *ssl, const unsigned char **out, size_t *out_len, int *alert)
{
    const struct dance_rules *rules = dance_rules();
    bool raw_key = dance_config()->take_raw_key && dance_raw_key_negotiated(ssl);
    struct dance_connection *c;

    if (!rules->active)
        return 0;
    *alert = SSL_AD_INTERNAL_ERROR;
    c = dance_connection_get(ssl);
    if (c == NULL)
        return -1;
    dance_connection_ask(ssl, c);
    c->unwatched = !dance_watch_again(ssl);
    if (!dance_enforce_prepare(ssl))
        return -1;
    /* The application verifies by itself, and libssl would match the last client's records. */
    if (c->stale && !rules->strict && c->verified_for != SSL_get_SSL_CTX(ssl)) {
        (void)abort_with(c, SSL_AD_HANDSHAKE_FAILURE, alert, DANCE_R_USED_AGAIN, "");
        return -1;
    }
    /*
     * A session that nobody can watch when it is resumed would outlive the
     * record: it gets no tickets.
     */
    if (c->unwatched && rules->strict)
        (void)SSL_set_num_tickets(ssl, 0);
    /* A raw public key has no certificate: the application's verify callback must not see it. */
    if (raw_key)
        dance_verdict_displace(ssl, c);
    /*
     * Without tickets the last word of dance_enforce_passed() is never asked,
     * so an application's cert_verify_callback has to give way here; and where
     * DANE alone decides it need not see a raw public key either.
     */
    if ((rules->strict && (SSL_get_num_tickets(ssl) == 0 || dance_is_quic(ssl)))
        || (rules->name_needed && raw_key))
        SSL_CTX_set_cert_verify_callback(SSL_get_SSL_CTX(ssl), dance_verdict, NULL);
    *out = dance_clientid_empty;
    *out_len = sizeof(dance_clientid_empty);
    return 1;
}

/* The usages that may authenticate this leaf, which may be none; fault says why some may not. */
static unsigned usages_for(const struct dance_config *config, const struct dance_connection *c,
                           const X509 *leaf, const char **fault)
{
    *fault = NULL;
    /* A raw public key names nobody; libssl matches it with DANE-EE(3) SPKI(1) records alone. */
    if (config->certificate_names_any || leaf == NULL)
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

    if (leaf == NULL && !config->take_raw_key) {
        /* The application negotiated it by itself. */
        dance_connection_fail(c, DANCE_R_RAW_KEY, "%s", "");
        return;
    }
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
    else if ((taken = dance_tlsa_give(ssl, c, &lookup->answer, usages)) < 0)
        dance_connection_fail(c, DANCE_R_INTERNAL, "%s", "libssl takes no TLSA records");
    else if (taken == 0 && fault != NULL)
        dance_connection_fail(c, DANCE_R_CERTIFICATE_NAMES, "%s", fault);
    else if (taken == 0)
        dance_connection_fail(c, DANCE_R_TLSA_UNUSABLE, "%s", "");
    if (taken > 0) {
        c->records = true;
        c->ttl = lookup->answer.ttl;
        c->until = (long long)time(NULL) + (long long)c->ttl;
    }
    dance_lookup_free(lookup);
}

int dance_server_parse_certificate(SSL *ssl, const unsigned char *data, size_t len, X509 *leaf,
                                   size_t entry, int *alert)
{
    const struct dance_rules *rules = dance_rules();
    struct dance_connection *c;
    const unsigned char *name;
    const char *fault;
    size_t name_len;

    if (!rules->active)
        return 1;
    c = dance_connection_get(ssl);
    *alert = SSL_AD_INTERNAL_ERROR;
    if (c == NULL)
        return 0;
    if (entry > 0) {
        if (c->claimed)
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
    /* Post-handshake authentication once more: what the application knows is of one name. */
    if (c->named && !dance_owner_name_equal(c->name, strlen(c->name), (const char *)name, name_len))
        return abort_with(c, SSL_AD_HANDSHAKE_FAILURE, alert, DANCE_R_NAME_CHANGED, "");
    dance_owner_name_lower(c->name, (const char *)name, name_len);
    c->named = c->claimed = true;
    c->from_certificate = false;
    c->reference = 0;
    if (c->unwatched && !rules->strict)
        (void)SSL_set_num_tickets(ssl, 0);
    ERR_set_mark();
    if (rules->fault != NULL)
        dance_connection_fail(c, DANCE_R_CONFIGURATION, "%s", rules->fault);
    else
        authenticate(ssl, c, leaf);
    ERR_pop_to_mark();
    /* A refusal is enforced by libssl itself: nothing matches. */
    return dance_tlsa_holder(ssl, c) != NULL;
}

/* The name that san_fallback gives to an authentication, or false with the reason where that
 * matters. */
static bool fallback_name(struct dance_connection *c, const X509 *leaf, char name[])
{
    const struct dance_config *config = dance_config();
    bool needed = dance_rules()->name_needed;
    const char *fault = dance_san_name(leaf, config->service_label, name);

    if (fault != NULL) {
        if (needed && !c->named)
            dance_connection_fail(c, DANCE_R_EXTENSION_ABSENT, "%s", fault);
        return false;
    }
    if (c->named && strcmp(c->name, name) != 0) {
        dance_connection_fail(c, DANCE_R_NAME_CHANGED, "%s", "");
        return false;
    }
    if (!dance_allowed(name, strlen(name))) {
        /* Under mixed, who says no name and has none that we know is the application's affair. */
        if (needed)
            dance_connection_fail(c, DANCE_R_NAME_NOT_ALLOWED, "%s", name);
        return false;
    }
    return true;
}

void dance_server_fallback(SSL *ssl, struct dance_connection *c, X509 *leaf)
{
    const struct dance_config *config = dance_config();
    const struct dance_rules *rules = dance_rules();
    char name[DANCE_NAME_MAX + 1];
    bool before = c->named;

    if (!config->san_fallback || rules->fault != NULL || leaf == NULL || c->claimed
        || c->reason != DANCE_R_NONE || !fallback_name(c, leaf, name))
        return;
    /* TLS 1.2 has no CertificateRequest of ours, where this is looked at otherwise. */
    c->unwatched = !dance_watch_again(ssl);
    ERR_set_mark();
    memcpy(c->name, name, sizeof(c->name));
    c->named = c->claimed = c->from_certificate = true;
    c->reference = config->service_label != NULL ? strlen(config->service_label) + 1 : 0;
    authenticate(ssl, c, leaf);
    if (!rules->name_needed && !before
        && (c->reason == DANCE_R_TLSA_ABSENT || c->reason == DANCE_R_TLSA_INSECURE)) {
        /* It never claimed to have a record, and the zone's owner says that it has none. */
        c->named = c->claimed = c->from_certificate = false;
        c->reference = 0;
        c->reason = DANCE_R_NONE;
        c->detail[0] = '\0';
    }
    ERR_pop_to_mark();
}

int dance_server_add_ticket(SSL *ssl, int *alert)
{
    *alert = SSL_AD_HANDSHAKE_FAILURE;
    if (!dance_enforce_passed(ssl))
        return -1;
    dance_verdict_settle(ssl);
    return 0;
}
