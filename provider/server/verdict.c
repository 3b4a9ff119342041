/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/verdict.h"

#include "log.h"
#include "openssl/compat.h"
#include "policy.h"
#include "process.h"
#include "server/connection.h"
#include "server/extension.h"
#include "server/records.h"
#include "server/session.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

static SSL *ssl_of(X509_STORE_CTX *store_ctx)
{
    return X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
}

/*
 * Stands before the application's verify callback: records the first error,
 * which a callback may wipe out, and does not let a strict policy be overruled.
 */
static int on_verify(int ok, X509_STORE_CTX *store_ctx)
{
    SSL *ssl = ssl_of(store_ctx);
    struct dance_connection *c = ssl != NULL ? dance_connection_find(ssl) : NULL;
    int answer = ok;

    if (c == NULL)
        return 0;
    if (!ok && c->verify_error == X509_V_OK)
        c->verify_error = X509_STORE_CTX_get_error(store_ctx);
    if (c->application_cb != NULL)
        answer = c->application_cb(ok, store_ctx);
    return c->strict && !ok ? 0 : answer;
}

/* DANE matched something and nothing failed, whatever the application's callback said. */
static bool authenticated(SSL *ssl, struct dance_connection *c, int rv)
{
    return rv > 0 && c->verify_error == X509_V_OK && c->records && c->reason == DANCE_R_NONE
           && dance_tlsa_matched(ssl, c);
}

static void explain(struct dance_connection *c, int rv)
{
    if (c->named && !c->claimed)
        dance_connection_fail(c, DANCE_R_NAME_CHANGED, "%s", "it names nobody now");
    else if (!c->named)
        dance_connection_fail(c, DANCE_R_EXTENSION_ABSENT, "%s", "");
    else if (c->verify_error != X509_V_OK)
        dance_connection_fail(c, DANCE_R_TLSA_NO_MATCH, "%s",
                              X509_verify_cert_error_string(c->verify_error));
    else
        dance_connection_fail(c, DANCE_R_TLSA_NO_MATCH, "%s",
                              rv <= 0 ? "the verification could not be carried out" : "");
}

/* With our callback in front of the application's; what X509_verify_cert() says. */
static int verify(SSL *ssl, X509_STORE_CTX *store_ctx, struct dance_connection *c)
{
    X509_STORE_CTX_verify_cb before = X509_STORE_CTX_get_verify_cb(store_ctx);
    /* Where the application took the callbacks that arm, this is the last moment. */
    SSL *holder = dance_tlsa_holder(ssl, c);
    int rv;

    c->verify_error = X509_V_OK;
    if (holder == NULL)
        return 0;
    /* Written for certificates, the application's would look at one where there is none. */
    c->application_cb = dance_raw_key_of(store_ctx) == NULL ? before : NULL;
    X509_STORE_CTX_set_verify_cb(store_ctx, on_verify);
    X509_STORE_CTX_set0_dane(store_ctx, SSL_get0_dane(holder));
    /* The name may have come after the parameters were taken over from the SSL (san_fallback). */
    if (c->records
        && !dance_tlsa_reference(X509_STORE_CTX_get0_param(store_ctx), c->name + c->reference))
        return 0;
    /* libssl tells what matched only where no earlier result stands in the way; it sets it anew. */
    SSL_set_verify_result(ssl, X509_V_OK);
    rv = X509_verify_cert(store_ctx);
    X509_STORE_CTX_set_verify_cb(store_ctx, before);
    c->application_cb = NULL;
    return rv;
}

/*
 * The application verified in our place (sendmail) and lets the handshake go on with a client that
 * DANE does not authenticate. Strict policies end it, and say so themselves.
 */
static void go_on(SSL *ssl, struct dance_connection *c, const struct dance_rules *rules)
{
    bool new_client = !SSL_session_reused(ssl) || c->asked;

    if (rules->active && !rules->strict && c->claimed && c->reason != DANCE_R_NONE)
        dance_connection_report(c, "not authenticated, the application goes on with", false);
    /* So it may with this one's session, unlike with those from before the policy. */
    if (rules->name_needed && !rules->strict && new_client && !(c->pending && c->later)
        && SSL_get_verify_result(ssl) == X509_V_OK)
        dance_session_mark_nobody(ssl);
}

void dance_verdict_settle(SSL *ssl)
{
    struct dance_connection *c = dance_connection_find(ssl);
    const struct dance_rules *rules = dance_rules();

    if (c == NULL)
        return;
    dance_session_limit(ssl, c);
    if (c->settled)
        return;
    if (!c->records || c->reason != DANCE_R_NONE) {
        go_on(ssl, c, rules);
        return;
    }
    c->settled = true;
    /* Where the application verified in our place: by ourselves, or what libssl says of it. */
    if (!c->accepted)
        c->accepted =
            rules->strict ? dance_verdict_again(ssl) == 1 : !c->stale && dance_tlsa_matched(ssl, c);
    if (!c->accepted) {
        if (!rules->strict) {
            c->verify_error = (int)SSL_get_verify_result(ssl);
            explain(c, 0);
        }
        go_on(ssl, c, rules);
        return;
    }
    dance_session_mark(ssl, c);
    dance_log(DANCE_LOG_INFO, "accepted %s (TLSA %s, TTL %lu s%s)", c->name, c->record, c->ttl,
              dance_raw_key_negotiated(ssl) ? ", raw public key" : "");
}

static int accept(SSL *ssl, struct dance_connection *c)
{
    c->accepted = true;
    if (c->unwatched)
        dance_verdict_settle(ssl);
    return 1;
}

/* A verify callback that changes nothing. */
static int on_verify_alone(int ok, X509_STORE_CTX *store_ctx)
{
    (void)store_ctx;
    return ok;
}

void dance_verdict_displace(SSL *ssl, struct dance_connection *c)
{
    if (SSL_get_verify_callback(ssl) != on_verify_alone)
        c->displaced = SSL_get_verify_callback(ssl);
    SSL_set_verify(ssl, SSL_get_verify_mode(ssl), on_verify_alone);
}

void dance_verdict_replace(SSL *ssl)
{
    const struct dance_connection *c = dance_connection_find(ssl);

    if (c != NULL && c->displaced != NULL && !dance_raw_key_negotiated(ssl)
        && SSL_get_verify_callback(ssl) == on_verify_alone)
        SSL_set_verify(ssl, SSL_get_verify_mode(ssl), c->displaced);
}

/* What is known about a server's ssl whose client's certificate or key is about to be verified. */
static struct dance_connection *begin(SSL *ssl, X509_STORE_CTX *store_ctx)
{
    struct dance_connection *c =
        dance_config()->san_fallback ? dance_connection_get(ssl) : dance_connection_find(ssl);

    if (c == NULL)
        return NULL;
    /* Before TLS 1.3 there is no CertificateRequest of ours: this may be another client. */
    if (!c->pending)
        dance_connection_ask(ssl, c);
    c->pending = false;
    c->verified_for = SSL_get_SSL_CTX(ssl);
    dance_server_fallback(ssl, c, X509_STORE_CTX_get0_cert(store_ctx));
    return c;
}

int dance_verdict(X509_STORE_CTX *store_ctx, void *arg)
{
    SSL *ssl = ssl_of(store_ctx);
    const struct dance_rules *rules = dance_rules();
    struct dance_connection *c;
    /* Those that we take are ours alone: no callback of the application's can judge one. */
    bool raw_key = dance_raw_key_of(store_ctx) != NULL && dance_config()->take_raw_key;
    bool ours;
    int rv;

    (void)arg;
    c = ssl != NULL && SSL_is_server(ssl) ? begin(ssl, store_ctx) : NULL;
    ours = ssl != NULL && SSL_is_server(ssl) && rules->active
           && (rules->name_needed || raw_key
               || (c != NULL && (c->named || c->reason != DANCE_R_NONE)));
    if (!ours) {
        /* What an earlier client left on this SSL is nothing to this one. */
        if (c != NULL && c->armed)
            X509_STORE_CTX_set0_dane(store_ctx, NULL);
        /* As libssl does when there is no callback. */
        rv = X509_verify_cert(store_ctx);
        return rv < 0 ? 0 : rv;
    }
    c = dance_connection_get(ssl);
    if (c == NULL) {
        X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    if (rules->fault != NULL)
        dance_connection_fail(c, DANCE_R_CONFIGURATION, "%s", rules->fault);
    c->strict = rules->strict || dance_raw_key_of(store_ctx) != NULL;
    rv = verify(ssl, store_ctx, c);
    if (authenticated(ssl, c, rv))
        return accept(ssl, c);
    explain(c, rv);
    if (rv > 0 && c->verify_error != X509_V_OK && !c->strict) {
        /* The application's callback goes on; that it is nobody it goes on with stays visible. */
        X509_STORE_CTX_set_error(store_ctx, c->verify_error);
        dance_connection_report(c, "not authenticated, the application goes on with", false);
        return 1;
    }
    /* The one error that libssl translates to handshake_failure(40). */
    X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_APPLICATION_VERIFICATION);
    dance_connection_report(c, "refused", true);
    return 0;
}

int dance_verdict_again(SSL *ssl)
{
    struct dance_connection *c = dance_connection_get(ssl);
    STACK_OF(X509) *untrusted = SSL_get_peer_cert_chain(ssl);
    X509 *leaf = SSL_get0_peer_certificate(ssl);
    EVP_PKEY *raw_key = dance_raw_key_peer(ssl);
    X509_STORE_CTX *store_ctx = NULL;
    X509_STORE *store = NULL;
    int rv = 0;

    if (c == NULL || (leaf == NULL && raw_key == NULL))
        return 0;
    dance_server_fallback(ssl, c, leaf);
    if (!c->records || c->reason != DANCE_R_NONE)
        return 0;
    ERR_set_mark();
    if (SSL_get0_verify_cert_store(ssl, &store) <= 0 || store == NULL)
        store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
    store_ctx = X509_STORE_CTX_new();
    if (store_ctx != NULL
        && (leaf != NULL ? X509_STORE_CTX_init(store_ctx, store, leaf, untrusted)
                         : dance_raw_key_init(store_ctx, store, raw_key))
        && X509_STORE_CTX_set_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx(), ssl)
        && X509_STORE_CTX_set_default(store_ctx, "ssl_client")
        && X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(store_ctx), SSL_get0_param(ssl))) {
        c->strict = true;
        c->application_cb = NULL;
        rv = verify(ssl, store_ctx, c);
        SSL_set_verify_result(ssl, X509_STORE_CTX_get_error(store_ctx));
    }
    X509_STORE_CTX_free(store_ctx);
    ERR_pop_to_mark();
    if (authenticated(ssl, c, rv))
        return accept(ssl, c);
    explain(c, rv);
    return 0;
}
