/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/enforce.h"

#include "openssl/compat.h"
#include "policy.h"
#include "process.h"
#include "server/connection.h"
#include "server/records.h"
#include "server/session.h"
#include "server/verdict.h"
#include "server/watch.h"

#include <openssl/err.h>
#include <stdatomic.h>

/* nginx before 1.23.4 is like that unless ssl_protocols says otherwise. */
static bool speaks_tls13(SSL *ssl)
{
    long highest;

    if (dance_is_quic(ssl))
        return true;
    highest = SSL_get_max_proto_version(ssl);

    return (highest == 0 || highest >= TLS1_3_VERSION)
           && (SSL_get_options(ssl) & SSL_OP_NO_TLSv1_3) == 0;
}

static void raise_to_require(SSL *ssl)
{
    const int wanted = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    int mode = SSL_get_verify_mode(ssl);

    /* Waiting for a post-handshake authentication would let everybody in until then. */
    if ((mode & wanted) != wanted || (mode & SSL_VERIFY_POST_HANDSHAKE) != 0)
        SSL_set_verify(ssl, (mode | wanted) & ~SSL_VERIFY_POST_HANDSHAKE, NULL);
    /* No DTLS 1.3: nobody can send the extension, and nothing matches. No QUIC without TLS 1.3. */
    if (SSL_is_dtls(ssl) || dance_is_quic(ssl))
        return;
    if (SSL_get_min_proto_version(ssl) < TLS1_3_VERSION) {
        ERR_set_mark();
        (void)SSL_set_min_proto_version(ssl, TLS1_3_VERSION);
        ERR_pop_to_mark();
    }
}

typedef int security_callback(const SSL *ssl, const SSL_CTX *ctx, int op, int bits, int nid,
                              void *other, void *ex);

/* libssl's own, the same in every SSL_CTX that is being made. */
static _Atomic(security_callback *) libssl_security;

static int on_security(const SSL *ssl, const SSL_CTX *ctx, int op, int bits, int nid, void *other,
                       void *ex)
{
    security_callback *libssls = atomic_load(&libssl_security);

    if (op == SSL_SECOP_VERSION && ssl != NULL && SSL_is_server(ssl) && !SSL_is_dtls(ssl)
        && nid < TLS1_3_VERSION)
        return 0;
    return libssls(ssl, ctx, op, bits, nid, other, ex);
}

void dance_enforce_versions(SSL_CTX *ctx)
{
    security_callback *libssls = SSL_CTX_get_security_callback(ctx);

    if (!dance_rules()->ask || libssls == NULL)
        return;
    atomic_store(&libssl_security, libssls);
    SSL_CTX_set_security_callback(ctx, on_security);
}

static void take_raw_keys(SSL *ssl)
{
    if (!dance_config()->take_raw_key)
        return;
    /* Before the ClientHello is read; afterwards it is without effect. */
    if (!dance_raw_key_settled(ssl)) {
        ERR_set_mark();
        (void)dance_raw_key_enable(ssl);
        ERR_pop_to_mark();
    }
    dance_verdict_replace(ssl);
}

int dance_enforce_prepare(SSL *ssl)
{
    const struct dance_rules *rules = dance_rules();
    struct dance_connection *c;

    if (!rules->active || !SSL_is_server(ssl))
        return 1;
    take_raw_keys(ssl);
    if (!rules->name_needed)
        return 1;
    if (rules->ask)
        raise_to_require(ssl);
    if ((SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) == 0)
        return 1;
    c = dance_connection_get(ssl);
    if (c == NULL)
        return 0;
    if (rules->ask && !c->reported && !SSL_is_dtls(ssl) && !speaks_tls13(ssl)) {
        dance_connection_fail(c, DANCE_R_PROTOCOL_VERSION,
                              "this server's own settings rule TLS 1.3 out, so nobody gets in");
        dance_connection_report(c, "refused", false);
    }
    if (!c->armed) {
        ERR_set_mark();
        c->armed = dance_tlsa_arm(ssl) == 1;
        ERR_pop_to_mark();
    }
    return c->armed;
}

int dance_enforce_client_hello(SSL *ssl, int *alert, void *arg)
{
    struct dance_connection *c;

    (void)arg;
    /* Where the application took the callback that sees a handshake begin, this is when it does. */
    if (!dance_watch_again(ssl) && (c = dance_connection_find(ssl)) != NULL)
        dance_connection_restart(ssl, c);
    if (dance_enforce_prepare(ssl))
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}

void dance_enforce_alerted(SSL *ssl, int description)
{
    struct dance_connection *c;

    if (!dance_rules()->ask
        || (description != SSL_AD_CERTIFICATE_REQUIRED && description != SSL_AD_PROTOCOL_VERSION))
        return;
    c = dance_connection_get(ssl);
    if (c == NULL || c->reported)
        return;
    if (description == SSL_AD_CERTIFICATE_REQUIRED)
        dance_connection_fail(c, DANCE_R_CERTIFICATE_ABSENT, "%s", "");
    else
        dance_connection_fail(c, DANCE_R_PROTOCOL_VERSION, "%s", "");
    dance_connection_report(c, "refused", false);
}

/* The client presented something by which it could be known, now or in the session resumed. */
static bool has_peer(SSL *ssl)
{
    return SSL_get0_peer_certificate(ssl) != NULL || dance_raw_key_peer(ssl) != NULL;
}

/*
 * Why the client whose session ssl resumes is refused, or DANCE_R_NONE. Sessions
 * come from before the policy, or from elsewhere, by a ticket key that is kept or
 * shared; and names are taken out of allow_file.
 */
static enum dance_reason session_fault(SSL *ssl, const struct dance_rules *rules)
{
    enum dance_session_client client = dance_session_client(ssl);

    if (!has_peer(ssl))
        return rules->ask ? DANCE_R_NOT_VERIFIED : DANCE_R_NONE;
    if (client == DANCE_SESSION_GOOD)
        return DANCE_R_NONE;
    if (rules->strict)
        return DANCE_R_NOT_VERIFIED;
    if (client == DANCE_SESSION_NOT_ALLOWED)
        return DANCE_R_NAME_NOT_ALLOWED;
    /* Whose verification failed, and who was let pass, stays what it is for the application. */
    return rules->name_needed && client == DANCE_SESSION_UNKNOWN
                   && SSL_get_verify_result(ssl) == X509_V_OK
               ? DANCE_R_EXTENSION_ABSENT
               : DANCE_R_NONE;
}

void dance_enforce_resumed(SSL *ssl)
{
    const struct dance_rules *rules = dance_rules();
    struct dance_connection *c = SSL_session_reused(ssl) ? dance_connection_get(ssl) : NULL;

    if (c == NULL || c->resumed)
        return;
    c->resumed = true;
    dance_session_resumed(ssl, c);
    if (!c->over && session_fault(ssl, rules) == DANCE_R_NONE)
        return;
    /*
     * Nobody whom DANE authenticated, or not any more, or an external pre-shared key.
     * The last word is said with a ticket. Early data would get past it: libssl has accepted it
     * by now, and gives the application nothing more from a peer that has closed.
     */
    if (SSL_get_early_data_status(ssl) == SSL_EARLY_DATA_ACCEPTED) {
        (void)dance_enforce_passed(ssl);
        SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
    }
    if (SSL_get_num_tickets(ssl) == 0)
        (void)SSL_set_num_tickets(ssl, 1);
}

/* 0, which ends the handshake. */
static int refuse(SSL *ssl, enum dance_reason reason, const char *detail)
{
    struct dance_connection *c = dance_connection_get(ssl);

    if (c != NULL) {
        dance_connection_fail(c, reason, "%s", detail);
        dance_connection_report(c, "refused", true);
    }
    return 0;
}

int dance_enforce_passed(SSL *ssl)
{
    const struct dance_rules *rules = dance_rules();
    struct dance_connection *c = dance_connection_find(ssl);
    bool resumed = SSL_session_reused(ssl) && (c == NULL || !c->asked);
    enum dance_reason reason;

    if (resumed && c != NULL && c->over)
        return refuse(ssl, DANCE_R_SESSION_OVER, "");
    if (resumed) {
        reason = session_fault(ssl, rules);
        return reason == DANCE_R_NONE
               || refuse(ssl, reason,
                         reason == DANCE_R_EXTENSION_ABSENT ? "when its session was made"
                                                            : "by a session or a pre-shared key");
    }
    /* A fault without require closes to certificates only. */
    if (!rules->strict || (!has_peer(ssl) && !rules->ask))
        return 1;
    /* Ours, or where the application verified in our place, seen for ourselves. */
    if ((c != NULL && c->accepted) || dance_verdict_again(ssl))
        return 1;
    return refuse(ssl, DANCE_R_NOT_VERIFIED, "");
}

void dance_enforce_finished(SSL *ssl)
{
    const struct dance_connection *c = dance_connection_find(ssl);
    /* A CertificateRequest after the handshake has no answer yet. */
    bool waiting = c != NULL && c->pending && c->later;

    if (!waiting && !dance_enforce_passed(ssl))
        SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}
