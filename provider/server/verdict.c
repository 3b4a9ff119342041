/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/verdict.h"

#include "openssl/compat.h"
#include "process.h"
#include "server/claim.h"
#include "server/records.h"
#include "server/report.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

static SSL *ssl_of(X509_STORE_CTX *store_ctx)
{
    return X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
}

/* DANE decides about this client: it said a name, or must have. */
static bool is_ours(const struct dance_connection *c)
{
    return dance_rules()->level > DANCE_MIXED || c->state.tied;
}

/* In place of the application's verify callback: records the first error. */
static int on_verify_alone(int ok, X509_STORE_CTX *store_ctx)
{
    SSL *ssl = ssl_of(store_ctx);
    struct dance_connection *c = ssl != NULL ? dance_connection_find(ssl) : NULL;

    if (c == NULL)
        return 0;
    if (!ok && c->verify_error == X509_V_OK)
        c->verify_error = X509_STORE_CTX_get_error(store_ctx);
    return ok;
}

/*
 * Stands before the application's: the first error is recorded, which a callback
 * may wipe out, and a strict policy is not overruled.
 */
static int on_verify(int ok, X509_STORE_CTX *store_ctx)
{
    SSL *ssl = ssl_of(store_ctx);
    struct dance_connection *c = ssl != NULL ? dance_connection_find(ssl) : NULL;
    bool raw_key = dance_raw_key_of(store_ctx) != NULL;
    int answer = on_verify_alone(ok, store_ctx);

    if (c == NULL)
        return 0;
    /* Written for certificates, the application's would look at one where there is none. */
    if (c->verify_callback != NULL && !raw_key)
        answer = c->verify_callback(ok, store_ctx);
    if (!is_ours(c) && !raw_key)
        return answer;
    if (ok && !answer && c->application_error == X509_V_OK) {
        c->application_error = X509_STORE_CTX_get_error(store_ctx);
        if (c->application_error == X509_V_OK)
            c->application_error = X509_V_ERR_APPLICATION_VERIFICATION;
    }
    if (!ok && (raw_key || dance_rules()->level >= DANCE_CLOSED))
        answer = 0;
    /* The one error that libssl translates to handshake_failure(40). */
    if (!ok && !answer)
        X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_APPLICATION_VERIFICATION);
    return answer;
}

void dance_verdict_stand_before(SSL *ssl, struct dance_connection *c)
{
    SSL_verify_cb set = SSL_get_verify_callback(ssl);

    if (set == on_verify)
        return;
    c->verify_callback = set;
    SSL_set_verify(ssl, SSL_get_verify_mode(ssl), on_verify);
}

void dance_verdict_explain(struct dance_connection *c)
{
    bool claimed = c->state.stage == DANCE_CLAIMED || c->state.stage == DANCE_RECORDS
                   || c->state.stage == DANCE_DENIED;

    if (c->application_error != X509_V_OK)
        dance_connection_fail(c, DANCE_R_APPLICATION_REFUSED, "%s",
                              X509_verify_cert_error_string(c->application_error));
    else if (c->state.tied && !claimed)
        dance_connection_fail(c, DANCE_R_NAME_CHANGED, "%s", "it names nobody now");
    else if (!claimed)
        dance_connection_fail(c, DANCE_R_EXTENSION_ABSENT, "%s", "");
    else if (c->verify_error != X509_V_OK)
        dance_connection_fail(c, DANCE_R_TLSA_NO_MATCH, "%s",
                              X509_verify_cert_error_string(c->verify_error));
    else
        dance_connection_fail(c, DANCE_R_TLSA_NO_MATCH, "%s",
                              "the verification could not be carried out");
}

/* By the holder's records. */
static int verify(X509_STORE_CTX *store_ctx, struct dance_connection *c)
{
    X509_STORE_CTX_verify_cb before = X509_STORE_CTX_get_verify_cb(store_ctx);

    c->verify_error = c->application_error = X509_V_OK;
    if (!dance_records_hold(c))
        return 0;
    if (before != on_verify_alone) {
        if (before != on_verify)
            c->verify_callback = before;
        X509_STORE_CTX_set_verify_cb(store_ctx, on_verify);
    }
    X509_STORE_CTX_set0_dane(store_ctx, SSL_get0_dane(c->holder));
    /* The name may have come after the parameters were taken over from the SSL (san_fallback). */
    if (c->state.stage == DANCE_RECORDS
        && !dance_records_reference(X509_STORE_CTX_get0_param(store_ctx), c->name + c->reference))
        return 0;
    return X509_verify_cert(store_ctx);
}

/* Verify by DANE, and see what follows; 1 where the handshake goes on. */
static int judge(SSL *ssl, X509_STORE_CTX *store_ctx, struct dance_connection *c)
{
    int rv = verify(store_ctx, c);
    bool good = rv > 0 && c->verify_error == X509_V_OK;
    enum dance_action action;

    if (good && c->state.stage == DANCE_RECORDS && dance_records_matched(c))
        action = dance_connection_step(ssl, c, DANCE_MATCH);
    else {
        dance_verdict_explain(c);
        action = dance_connection_step(ssl, c,
                                       rv > 0 && !good && dance_raw_key_of(store_ctx) == NULL
                                           ? DANCE_FORGIVE
                                           : DANCE_MISMATCH);
        /* Where the callback goes on, that it is nobody it goes on with stays visible. */
        if (rv > 0)
            X509_STORE_CTX_set_error(store_ctx, c->verify_error != X509_V_OK
                                                    ? c->verify_error
                                                    : X509_V_ERR_APPLICATION_VERIFICATION);
    }
    /* Needed no longer, and not small. */
    SSL_free(c->holder);
    c->holder = NULL;
    if (action != DANCE_REFUSE) {
        if (c->state.stage == DANCE_FORGIVEN)
            dance_report_forgiven(ssl, c);
        return 1;
    }
    if (c->application_error == X509_V_OK)
        X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_APPLICATION_VERIFICATION);
    return dance_report_refuse(ssl, c);
}

/* As libssl does when there is no callback. */
static int left_to_libssl(X509_STORE_CTX *store_ctx)
{
    int rv = X509_verify_cert(store_ctx);

    return rv < 0 ? 0 : rv;
}

int dance_verdict(X509_STORE_CTX *store_ctx, void *arg)
{
    SSL *ssl = ssl_of(store_ctx);
    const struct dance_rules *rules = dance_rules();
    bool raw_key = dance_raw_key_of(store_ctx) != NULL && dance_config()->take_raw_key;
    struct dance_connection *c;

    (void)arg;
    if (ssl == NULL || !SSL_is_server(ssl) || !rules->active)
        return left_to_libssl(store_ctx);
    c = rules->level > DANCE_MIXED || raw_key || dance_config()->san_fallback
            ? dance_connection_get(ssl)
            : dance_connection_find(ssl);
    if (c == NULL && rules->level == DANCE_MIXED && !raw_key && !dance_config()->san_fallback)
        return left_to_libssl(store_ctx);
    if (c == NULL) {
        X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    /* Before TLS 1.3 there is no CertificateRequest of ours: this is a renegotiation. */
    if (dance_stage_is_over(c->state.stage))
        (void)dance_connection_step(ssl, c, DANCE_REQUEST);
    if (c->state.stage != DANCE_RECORDS && c->state.stage != DANCE_DENIED)
        dance_claim_fallback(ssl, c, X509_STORE_CTX_get0_cert(store_ctx));
    if (is_ours(c) || raw_key)
        return judge(ssl, store_ctx, c);
    /* What an earlier client left on this SSL is nothing to this one. */
    if (c->stale)
        X509_STORE_CTX_set0_dane(store_ctx, NULL);
    (void)dance_connection_step(ssl, c, DANCE_LEAVE);
    return left_to_libssl(store_ctx);
}

/* As libssl prepares it, for what the peer presented. */
static X509_STORE_CTX *make_store_ctx(SSL *ssl)
{
    STACK_OF(X509) *untrusted = SSL_get_peer_cert_chain(ssl);
    X509 *leaf = SSL_get0_peer_certificate(ssl);
    EVP_PKEY *raw_key = dance_raw_key_peer(ssl);
    X509_STORE_CTX *store_ctx = X509_STORE_CTX_new();
    X509_STORE *store = NULL;

    if (SSL_get0_verify_cert_store(ssl, &store) <= 0 || store == NULL)
        store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
    if (store_ctx != NULL && (leaf != NULL || raw_key != NULL)
        && (leaf != NULL ? X509_STORE_CTX_init(store_ctx, store, leaf, untrusted)
                         : dance_raw_key_init(store_ctx, store, raw_key))
        && X509_STORE_CTX_set_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx(), ssl)
        && X509_STORE_CTX_set_default(store_ctx, "ssl_client")
        && X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(store_ctx), SSL_get0_param(ssl))) {
        X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(store_ctx),
                                         SSL_get_security_level(ssl));
        /* Who may forgive is asked, though it may have been before. */
        if (dance_rules()->level >= DANCE_CLOSED)
            X509_STORE_CTX_set_verify_cb(store_ctx, on_verify_alone);
        else if (SSL_get_verify_callback(ssl) != NULL)
            X509_STORE_CTX_set_verify_cb(store_ctx, SSL_get_verify_callback(ssl));
        return store_ctx;
    }
    X509_STORE_CTX_free(store_ctx);
    return NULL;
}

void dance_verdict_now(SSL *ssl, struct dance_connection *c)
{
    X509_STORE_CTX *store_ctx;
    int rv = 0;

    /* Nobody said a name: the application has decided, unless by another client's records. */
    if (!is_ours(c) && !c->stale && !dance_config()->san_fallback
        && dance_raw_key_peer(ssl) == NULL) {
        (void)dance_connection_step(ssl, c, DANCE_LEAVE);
        return;
    }
    ERR_set_mark();
    store_ctx = make_store_ctx(ssl);
    if (store_ctx != NULL)
        rv = dance_verdict(store_ctx, NULL);
    ERR_pop_to_mark();
    if (rv <= 0) {
        dance_connection_fail(c, DANCE_R_EXTENSION_ABSENT, "%s",
                              c->stale ? "only another client's records match" : "");
        (void)dance_connection_step(ssl, c, DANCE_FAILED);
    } else if (is_ours(c)) {
        SSL_set_verify_result(ssl, X509_STORE_CTX_get_error(store_ctx));
    }
    X509_STORE_CTX_free(store_ctx);
}
