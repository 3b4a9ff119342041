/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/watch.h"

#include "client/extension.h"
#include "policy.h"
#include "process.h"
#include "server/connection.h"
#include "server/enforce.h"
#include "server/verdict.h"

#include <openssl/err.h>

#define ALERT_LEVEL(ret) ((ret) >> 8)
#define ALERT_DESCRIPTION(ret) ((ret)&0xff)

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

static void on_server_event(SSL *ssl, int where, int ret)
{
    struct dance_connection *c = dance_connection_find(ssl);

    if (where == SSL_CB_HANDSHAKE_START && c != NULL)
        dance_connection_restart(ssl, c);
    if ((where & SSL_ST_ACCEPT) != 0 || where == SSL_CB_HANDSHAKE_START) {
        /* A failure stays visible: the CertificateRequest callback tries again and aborts. */
        if (!SSL_is_init_finished(ssl)) {
            (void)dance_enforce_prepare(ssl);
            dance_enforce_resumed(ssl);
        }
        /*
         * Tickets come next: at SR_FINISHED the client's proof of its key has
         * been verified; OK, when the application asks for more tickets.
         */
        if (SSL_get_state(ssl) == TLS_ST_SR_FINISHED && c != NULL)
            c->pending = false;
        if (SSL_get_state(ssl) == TLS_ST_SR_FINISHED || SSL_get_state(ssl) == TLS_ST_OK)
            dance_verdict_settle(ssl);
    }
    if (is_over(ssl, where, ret))
        dance_enforce_finished(ssl);
    if (where == SSL_CB_WRITE_ALERT && ALERT_LEVEL(ret) == SSL3_AL_FATAL)
        dance_enforce_alerted(ssl, ALERT_DESCRIPTION(ret));
}

/*
 * The application may act upon the end of the handshake at once (Node.js calls
 * its user's code), but the last word comes with the tickets, after it: whoever
 * will not get past that has no end of the handshake. Where early data is taken,
 * or SSL_stateless() is used, libssl says so before the client's Certificate.
 */
static bool may_finish(SSL *ssl)
{
    int passed;

    if (SSL_get_state(ssl) == TLS_ST_EARLY_DATA)
        return true;
    ERR_set_mark();
    passed = dance_enforce_passed(ssl);
    ERR_pop_to_mark();
    return passed;
}

/* The event that this thread is telling the application's callback of. */
struct event {
    const SSL *ssl;
    int where, ret;
};
static _Thread_local struct event passing;

/*
 * The application may have found ours when it set its own, and call it in turn:
 * then it has the event already, and would get it for ever.
 */
static void pass_on(void (*applications)(const SSL *, int, int), struct event event)
{
    struct event before = passing;

    if (event.ssl == before.ssl && event.where == before.where && event.ret == before.ret)
        return;
    passing = event;
    applications(event.ssl, event.where, event.ret);
    passing = before;
}

static void on_info(const SSL *const_ssl, int where, int ret)
{
    /* The callback's type says const; it is the application's own SSL all the same. */
    SSL *ssl = (SSL *)(uintptr_t)const_ssl;
    const struct dance_connection *c = dance_connection_find(ssl);
    void (*applications)(const SSL *, int, int) =
        c != NULL && c->application_info != NULL
            ? c->application_info
            : SSL_CTX_get_info_callback(SSL_get_SSL_CTX(const_ssl));

    if (SSL_is_server(ssl) && dance_rules()->active) {
        on_server_event(ssl, where, ret);
        /* libssl reports the same when it pauses for early data: nothing is over then. */
        if (where == SSL_CB_HANDSHAKE_DONE && SSL_get_state(ssl) != TLS_ST_EARLY_DATA
            && !may_finish(ssl))
            return;
    } else if (where == SSL_CB_HANDSHAKE_START && !SSL_is_server(ssl)) {
        dance_client_start(ssl);
    }
    if (applications != NULL && applications != on_info)
        pass_on(applications, (struct event){const_ssl, where, ret});
}

/*
 * A last resort for applications that take the info callback and client_hello_cb
 * as well (Node.js 24): libssl shows each message before it acts upon it.
 */
static void on_message(int sent, int version, int type, const void *message, size_t len, SSL *ssl,
                       void *arg)
{
    int alert;

    (void)version;
    (void)arg;
    if (!sent && type == SSL3_RT_HANDSHAKE && len > 0
        && *(const unsigned char *)message == SSL3_MT_CLIENT_HELLO && SSL_is_server(ssl))
        (void)dance_enforce_client_hello(ssl, &alert, NULL);
}

void dance_watch(SSL *ssl)
{
    const struct dance_config *config = dance_config();

    if (config != NULL && (dance_rules()->active || config->present[DANCE_SECTION_CLIENT]))
        SSL_set_info_callback(ssl, on_info);
}

void dance_watch_context(SSL_CTX *ctx)
{
    SSL_CTX_set_info_callback(ctx, on_info);
    if (dance_rules()->active)
        SSL_CTX_set_msg_callback(ctx, on_message);
}

bool dance_watch_again(SSL *ssl)
{
    void (*set)(const SSL *, int, int) = SSL_get_info_callback(ssl);
    struct dance_connection *c;

    if (set == on_info
        || (set == NULL && SSL_CTX_get_info_callback(SSL_get_SSL_CTX(ssl)) == on_info))
        return true;
    c = dance_connection_get(ssl);
    if (c != NULL) {
        c->application_info = set;
        SSL_set_info_callback(ssl, on_info);
    }
    return false;
}
