/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "enforce.h"

#include "connection.h"
#include "log.h"
#include "policy.h"
#include "process.h"
#include "tlsa.h"
#include "verdict.h"

#include <openssl/err.h>

#define ALERT_LEVEL(ret) ((ret) >> 8)
#define ALERT_DESCRIPTION(ret) ((ret)&0xff)

/* nginx before 1.23.4 is like that unless ssl_protocols says otherwise. */
static bool speaks_tls13(SSL *ssl)
{
    long highest = SSL_get_max_proto_version(ssl);

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
    if (SSL_is_dtls(ssl))
        return; /* no DTLS 1.3: nobody can send the extension, and nothing matches */
    if (SSL_get_min_proto_version(ssl) < TLS1_3_VERSION)
        (void)SSL_set_min_proto_version(ssl, TLS1_3_VERSION);
}

static int prepare(SSL *ssl)
{
    struct dance_rules rules = dance_policy_rules(dance_config());
    struct dance_connection *c;

    if (!rules.active || !rules.name_needed || !SSL_is_server(ssl))
        return 1;
    if (rules.ask)
        raise_to_require(ssl);
    if ((SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) == 0)
        return 1;
    c = dance_connection_get(ssl);
    if (c == NULL)
        return 0;
    if (rules.ask && !c->reported && !SSL_is_dtls(ssl) && !speaks_tls13(ssl)) {
        dance_connection_fail(c, DANCE_R_PROTOCOL_VERSION,
                              "this server's own settings rule TLS 1.3 out, so nobody gets in");
        dance_connection_report(c, "refused", false);
    }
    if (!c->armed)
        c->armed = dance_tlsa_arm(ssl) == 1;
    return c->armed;
}

int dance_enforce_prepare(SSL *ssl)
{
    int ok;

    ERR_set_mark();
    ok = prepare(ssl);
    ERR_pop_to_mark();
    return ok;
}

int dance_enforce_client_hello(SSL *ssl, int *alert, void *arg)
{
    (void)arg;
    if (dance_enforce_prepare(ssl))
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}

/* A refusal that libssl makes by itself because of what require has set: say so in the log. */
static void explain_alert(SSL *ssl, int description)
{
    struct dance_connection *c;

    if (description != SSL_AD_CERTIFICATE_REQUIRED && description != SSL_AD_PROTOCOL_VERSION)
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

/* Before the tickets of this connection are made, which copy the session's lifetime. */
static void on_resumption(SSL *ssl)
{
    struct dance_connection *c = SSL_session_reused(ssl) ? dance_connection_get(ssl) : NULL;

    if (c == NULL || c->resumed)
        return;
    c->resumed = true;
    dance_verdict_resumed(ssl);
}

static void on_info(const SSL *const_ssl, int where, int ret)
{
    /* The callback's type says const; it is the application's own SSL all the same. */
    SSL *ssl = (SSL *)(uintptr_t)const_ssl;
    void (*applications)(const SSL *, int, int) =
        SSL_CTX_get_info_callback(SSL_get_SSL_CTX(const_ssl));

    if ((where & SSL_ST_ACCEPT) != 0 || where == SSL_CB_HANDSHAKE_START) {
        /* A failure stays visible: the CertificateRequest callback tries again and aborts. */
        if (SSL_is_server(ssl) && !SSL_is_init_finished(ssl)) {
            (void)dance_enforce_prepare(ssl);
            on_resumption(ssl);
        }
    }
    if (where == SSL_CB_WRITE_ALERT && ALERT_LEVEL(ret) == SSL3_AL_FATAL && SSL_is_server(ssl)
        && dance_policy_rules(dance_config()).ask)
        explain_alert(ssl, ALERT_DESCRIPTION(ret));
    if (applications != NULL && applications != on_info)
        applications(const_ssl, where, ret);
}

void dance_enforce_watch(SSL *ssl)
{
    const struct dance_config *config = dance_config();

    if (config != NULL && dance_policy_rules(config).active)
        SSL_set_info_callback(ssl, on_info);
}

void dance_enforce_watch_context(SSL_CTX *ctx)
{
    SSL_CTX_set_info_callback(ctx, on_info);
}

int dance_enforce_passed(SSL *ssl)
{
    struct dance_rules rules = dance_policy_rules(dance_config());
    struct dance_connection *c = dance_connection_find(ssl);
    const X509 *peer = SSL_get0_peer_certificate(ssl);

    if (!rules.strict || (c != NULL && c->accepted))
        return 1;
    /* A fault without require closes to certificates only. */
    if (peer == NULL && !rules.ask)
        return 1;
    if (SSL_session_reused(ssl))
        return peer != NULL && SSL_get_verify_result(ssl) == X509_V_OK;
    /* The application verified in our place: see for ourselves. */
    if (dance_verdict_again(ssl))
        return 1;
    c = dance_connection_get(ssl);
    if (c != NULL) {
        dance_connection_fail(c, DANCE_R_NOT_VERIFIED, "%s", "");
        dance_connection_report(c, "refused", true);
    }
    return 0;
}
