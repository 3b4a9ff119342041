/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/gate.h"

#include "openssl/compat.h"
#include "process.h"
#include "server/connection.h"
#include "server/enforce.h"
#include "server/session.h"

#include <openssl/err.h>
#include <stdatomic.h>

#define ALERT_LEVEL(ret) ((ret) >> 8)
#define ALERT_DESCRIPTION(ret) ((ret)&0xff)

/* libssl's own security callback, the same in every SSL_CTX that is being made. */
static _Atomic(dance_security_callback *) libssl_security;
static _Atomic(dance_client_callback *) on_client;

/* Some SSL has another security callback behind ours. */
static atomic_bool any_replaced;

/*
 * The application may have found ours when it set its own, and call it in turn:
 * what is being passed on goes no further than to libssl then.
 */
static _Thread_local const SSL *passing_security;
static _Thread_local struct event {
    const SSL *ssl;
    int where, ret;
} passing_info;

static bool is_active_server(const SSL *ssl)
{
    return SSL_is_server(ssl) && dance_rules()->active;
}

static void tell_client(SSL *ssl, enum dance_client_moment moment, const X509 *certificate)
{
    dance_client_callback *client = atomic_load(&on_client);

    if (client != NULL)
        client(ssl, moment, certificate);
}

/* A handshake begins, which is seen by one callback or another. */
static bool begin(SSL *ssl)
{
    dance_gate_stand_before(ssl);
    if (is_active_server(ssl))
        return dance_enforce_begin(ssl);
    if (!SSL_is_server(ssl))
        tell_client(ssl, DANCE_CLIENT_AT_BEGIN, NULL);
    return true;
}

/* The same of a client, but for the beginning. */
static void at_clients_moment(SSL *ssl, int op, const void *other)
{
    OSSL_HANDSHAKE_STATE state = SSL_get_state(ssl);

    if (op == SSL_SECOP_VERSION && state == TLS_ST_OK)
        tell_client(ssl, DANCE_CLIENT_AT_NEXT, NULL);
    else if (op == SSL_SECOP_SIGALG_CHECK)
        tell_client(ssl, DANCE_CLIENT_AT_SERVER, NULL);
    /* What libssl asks of the certificate that goes out it asks in another state. */
    else if (op == SSL_SECOP_EE_KEY
             && (state == TLS_ST_CR_CERT_VRFY || state == TLS_ST_CR_CERT_REQ))
        tell_client(ssl, DANCE_CLIENT_AT_CERTIFICATE, other);
}

/* What the moment is, by what libssl asks and when; false ends the handshake. */
static bool at_moment(SSL *ssl, int op, int nid, const void *other)
{
    if (op == SSL_SECOP_VERSION) {
        /* In that state it is also asked what there is, of each version, by others. */
        if (SSL_get_state(ssl) == TLS_ST_BEFORE && (nid == SSL_version(ssl) || dance_is_quic(ssl)))
            return begin(ssl);
        if (is_active_server(ssl))
            return dance_enforce_version(ssl, nid);
    }
    if (!SSL_is_server(ssl))
        at_clients_moment(ssl, op, other);
    /* The others come before a handshake too, and where there will be none. */
    if (!is_active_server(ssl) || SSL_get_state(ssl) == TLS_ST_BEFORE)
        return true;
    if (op == SSL_SECOP_SIGALG_CHECK)
        return dance_enforce_proof(ssl);
    if (op == SSL_SECOP_EE_KEY)
        return SSL_get_state(ssl) != TLS_ST_SW_CERT || dance_enforce_asked(ssl);
    if (SSL_get_state(ssl) != TLS_ST_SR_CLNT_HELLO)
        return true;
    if (op == SSL_SECOP_CIPHER_SHARED)
        return !dance_is_tls13(ssl) || dance_enforce_hello(ssl);
    dance_gate_stand_before(ssl);
    return dance_enforce_ask(ssl);
}

/* What stands behind ours; *inner: it was that which called us. */
static int pass_on(const SSL *ssl, const SSL_CTX *ctx, int op, int bits, int nid, void *other,
                   void *ex, bool *inner)
{
    const SSL *before = passing_security;
    const struct dance_connection *c;
    int answer;

    *inner = ssl == before;
    c = ssl != NULL && !*inner ? dance_connection_find(ssl) : NULL;
    if (c == NULL || c->security_callback == NULL || c->security_context != SSL_get_SSL_CTX(ssl))
        return atomic_load(&libssl_security)(ssl, ctx, op, bits, nid, other, ex);
    passing_security = ssl;
    answer = c->security_callback(ssl, ctx, op, bits, nid, other, ex);
    passing_security = before;
    return answer;
}

static int on_security(const SSL *ssl, const SSL_CTX *ctx, int op, int bits, int nid, void *other,
                       void *ex)
{
    bool inner = false;
    int answer = atomic_load(&any_replaced)
                     ? pass_on(ssl, ctx, op, bits, nid, other, ex, &inner)
                     : atomic_load(&libssl_security)(ssl, ctx, op, bits, nid, other, ex);

    if (ssl == NULL || inner)
        return answer;
    switch (op) {
    case SSL_SECOP_VERSION:
    case SSL_SECOP_CIPHER_SHARED:
    case SSL_SECOP_SIGALG_SHARED:
    case SSL_SECOP_CURVE_SUPPORTED:
    case SSL_SECOP_CURVE_SHARED:
    case SSL_SECOP_CURVE_CHECK:
    case SSL_SECOP_EE_KEY:
    case SSL_SECOP_SIGALG_CHECK:
        /* Done whatever the application said. The type says const; it is its own SSL all the same.
         */
        return at_moment((SSL *)(uintptr_t)ssl, op, nid, other) ? answer : 0;
    default:
        return answer;
    }
}

/*
 * The handshake, or an authentication after it, is over: libssl has sent its
 * tickets, or none. Each of these may be the only one that is seen: the exit is
 * not where we were put back meanwhile, the others not after the handshake.
 */
static bool is_over(SSL *ssl, int where, int ret)
{
    OSSL_HANDSHAKE_STATE state = SSL_get_state(ssl);

    return (where == SSL_CB_ACCEPT_LOOP && state == TLS_ST_SW_SESSION_TICKET)
           || (where == SSL_CB_HANDSHAKE_DONE && state == TLS_ST_OK)
           || (where == SSL_CB_ACCEPT_EXIT && ret == 1 && SSL_is_init_finished(ssl));
}

/* False where the application is not to hear of the event. */
static bool server_event(SSL *ssl, int where, int ret)
{
    bool good;

    if (where == SSL_CB_WRITE_ALERT && ALERT_LEVEL(ret) == SSL3_AL_FATAL)
        dance_enforce_alerted(ssl, ALERT_DESCRIPTION(ret));
    if ((where & SSL_ST_ACCEPT) != 0 && SSL_get_state(ssl) != TLS_ST_BEFORE
        && !SSL_is_init_finished(ssl))
        dance_gate_stand_before(ssl);
    if (!is_over(ssl, where, ret))
        return true;
    ERR_set_mark();
    good = dance_enforce_end(ssl);
    ERR_pop_to_mark();
    /*
     * Whoever has come as far without the last word finds the connection shut: nothing is read from
     * it or written to it any more. And the application may act upon the end at once (Node.js calls
     * its user's code): for whom it is none, it is none.
     */
    if (!good)
        SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    return good;
}

static void on_info(const SSL *const_ssl, int where, int ret)
{
    SSL *ssl = (SSL *)(uintptr_t)const_ssl;
    const struct dance_connection *c = dance_connection_find(ssl);
    dance_info_callback *applications = c != NULL && c->info_callback != NULL
                                            ? c->info_callback
                                            : SSL_CTX_get_info_callback(SSL_get_SSL_CTX(const_ssl));
    struct event before = passing_info;

    /* The application has the event already, and would get it for ever. */
    if (ssl == before.ssl && where == before.where && ret == before.ret)
        return;
    /* libssl asks its security callback next. */
    if (where == SSL_CB_HANDSHAKE_START)
        dance_gate_stand_before(ssl);
    if (is_active_server(ssl) && !server_event(ssl, where, ret))
        return;
    if (where == SSL_CB_WRITE_ALERT && ALERT_LEVEL(ret) == SSL3_AL_FATAL && !SSL_is_server(ssl)
        && SSL_get_state(ssl) == TLS_ST_CW_CERT_VRFY)
        tell_client(ssl, DANCE_CLIENT_AT_NO_SIGNATURE, NULL);
    if (!SSL_is_server(ssl) && (where == SSL_CB_HANDSHAKE_DONE || where == SSL_CB_CONNECT_EXIT)
        && SSL_is_init_finished(ssl))
        tell_client(ssl, DANCE_CLIENT_AT_END, NULL);
    if (applications != NULL && applications != on_info) {
        passing_info = (struct event){const_ssl, where, ret};
        applications(const_ssl, where, ret);
        passing_info = before;
    }
    /* libssl decides next whether to ask for a certificate, or whether one must have come. */
    if (where == SSL_CB_ACCEPT_LOOP && is_active_server(ssl)
        && (c = dance_connection_find(ssl)) != NULL
        && (c->state.stage == DANCE_ASKED || SSL_get_state(ssl) == TLS_ST_SW_ENCRYPTED_EXTENSIONS))
        (void)dance_enforce_ask(ssl); /* a refusal stays in the state */
    /* The next message is read, but not looked at yet, and will not be. */
    if (where == SSL_CB_ACCEPT_LOOP && SSL_get_state(ssl) == TLS_ST_SR_CERT && is_active_server(ssl)
        && !dance_enforce_answered(ssl))
        SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
}

/*
 * Where the application took one of the others, in a callback of its own perhaps: libssl shows each
 * message before it acts upon it.
 */
static void on_message(int sent, int version, int type, const void *message, size_t len, SSL *ssl,
                       void *arg)
{
    (void)version;
    (void)arg;
    if (type != SSL3_RT_HANDSHAKE || len == 0 || !is_active_server(ssl))
        return;
    /* A handshake has begun without us. */
    if (!sent && *(const unsigned char *)message == SSL3_MT_CLIENT_HELLO
        && SSL_get_security_callback(ssl) != on_security
        && SSL_get_peer_finished(ssl, &(unsigned char){0}, 1) == 0)
        (void)begin(ssl); /* likewise */
    dance_gate_stand_before(ssl);
    if (sent && *(const unsigned char *)message == SSL3_MT_ENCRYPTED_EXTENSIONS)
        (void)dance_enforce_ask(ssl);
}

/* A server's; and a client's that was lent a credential, to take it back in time. */
static bool wants_info(const SSL *ssl)
{
    const struct dance_connection *c = SSL_is_server(ssl) ? NULL : dance_connection_find(ssl);

    return is_active_server(ssl) || (c != NULL && c->client == DANCE_CLIENT_LENT);
}

void dance_gate_stand_before(SSL *ssl)
{
    dance_security_callback *security = SSL_get_security_callback(ssl);
    dance_info_callback *info = SSL_get_info_callback(ssl);
    struct dance_connection *c = NULL;
    const bool wanted = wants_info(ssl);

    /* The SSL_CTX's would go with another SSL_CTX (SSL_set_SSL_CTX()); on_info() passes on to it.
     */
    if (info == NULL && wanted)
        SSL_set_info_callback(ssl, on_info);
    if (security != on_security || (info != NULL && info != on_info))
        c = dance_connection_get(ssl);
    if (security != on_security) {
        if (c != NULL) {
            atomic_store(&any_replaced, true);
            c->security_callback = security;
            c->security_context = SSL_get_SSL_CTX(ssl);
        }
        SSL_set_security_callback(ssl, on_security);
    }
    if (c != NULL && info != NULL && info != on_info && wanted) {
        c->info_callback = info;
        SSL_set_info_callback(ssl, on_info);
    }
}

static int on_generate(SSL *ssl, void *arg)
{
    struct dance_connection *c;

    (void)arg;
    if (!is_active_server(ssl))
        return 1;
    /* Who is refused here is so by the ticket's extension, with its alert. */
    (void)dance_enforce_end(ssl);
    c = dance_connection_find(ssl);
    if (c != NULL)
        dance_session_before_ticket(ssl, c);
    return 1;
}

static SSL_TICKET_RETURN on_decrypt(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                    size_t name_len, SSL_TICKET_STATUS status, void *arg)
{
    (void)name;
    (void)name_len;
    (void)arg;
    if (session == NULL || (is_active_server(ssl) && !dance_session_counts(session)))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

void dance_gate_install(SSL_CTX *ctx, dance_client_callback *client)
{
    dance_security_callback *security = SSL_CTX_get_security_callback(ctx);

    atomic_store(&on_client, client);
    if (security != NULL && security != on_security)
        atomic_store(&libssl_security, security);
    SSL_CTX_set_security_callback(ctx, on_security);
    SSL_CTX_set_info_callback(ctx, on_info);
    if (dance_rules()->active) {
        (void)SSL_CTX_set_session_ticket_cb(ctx, on_generate, on_decrypt, NULL);
        SSL_CTX_set_msg_callback(ctx, on_message);
    }
}

/* No server's SSL gets through a handshake; a client's does. */
static int shut(const SSL *ssl, const SSL_CTX *ctx, int op, int bits, int nid, void *other,
                void *ex)
{
    return (ssl == NULL || !SSL_is_server(ssl))
           && atomic_load(&libssl_security)(ssl, ctx, op, bits, nid, other, ex);
}

void dance_gate_shut(SSL_CTX *ctx)
{
    SSL_CTX_set_security_callback(ctx, shut);
}
