/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/enforce.h"

#include "openssl/compat.h"
#include "process.h"
#include "server/connection.h"
#include "server/report.h"
#include "server/session.h"
#include "server/verdict.h"

#include <openssl/x509_vfy.h>

/* The level asks for TLS 1.3 and a certificate. */
static bool asks(void)
{
    return dance_rules()->level == DANCE_REQUIRE;
}

/* What is known about ssl; made where the level cannot do without. NULL under mixed: nothing. */
static bool known(SSL *ssl, struct dance_connection **c)
{
    *c =
        dance_rules()->level > DANCE_MIXED ? dance_connection_get(ssl) : dance_connection_find(ssl);
    if (*c != NULL || dance_rules()->level == DANCE_MIXED)
        return true;
    dance_raise(DANCE_R_MEMORY, "");
    return false;
}

/* The next step, at whose end the client may be accepted, or passed. */
static bool step(SSL *ssl, struct dance_connection *c, enum dance_event event)
{
    enum dance_action action = dance_connection_step(ssl, c, event);

    if (action == DANCE_REFUSE)
        return dance_report_refuse(ssl, c);
    if (action == DANCE_ACCEPT || action == DANCE_PASS)
        dance_session_mark(ssl, c, action == DANCE_ACCEPT);
    if (action == DANCE_ACCEPT)
        dance_report_accepted(ssl, c);
    return true;
}

bool dance_enforce_version(const SSL *ssl, int version)
{
    if (dance_rules()->level == DANCE_MIXED || dance_is_quic(ssl))
        return true;
    /* There is no DTLS 1.3: nobody could say a name. DTLS counts its versions downwards. */
    if (SSL_is_dtls(ssl))
        return !asks() && version != DTLS1_VERSION && version != DTLS1_BAD_VER;
    /* Before TLS 1.2 nothing is asked when a client proves its key. */
    return version >= (asks() ? TLS1_3_VERSION : TLS1_2_VERSION);
}

/* nginx before 1.23.4 is like that unless ssl_protocols says otherwise; version: the method's. */
static const char *version_detail(SSL *ssl, int version)
{
    long highest = SSL_get_max_proto_version(ssl);

    if (SSL_is_dtls(ssl))
        return "there is no DTLS 1.3, so nobody gets in";
    if (version < TLS1_3_VERSION || (highest != 0 && highest < TLS1_3_VERSION)
        || (SSL_get_options(ssl) & SSL_OP_NO_TLSv1_3) != 0)
        return "this server's own settings rule TLS 1.3 out, so nobody gets in";
    return "";
}

/* Who has an external pre-shared key is not asked for a certificate. */
static void take_psks_away(SSL *ssl)
{
    if (!asks())
        return;
    SSL_set_psk_find_session_callback(ssl, NULL);
    SSL_set_psk_server_callback(ssl, NULL);
}

bool dance_enforce_begin(SSL *ssl)
{
    struct dance_connection *c;

    /* Before the ClientHello is read; afterwards it is without effect. */
    if (dance_config()->take_raw_key && !dance_raw_key_settled(ssl))
        (void)dance_raw_key_enable(ssl);
    if (!known(ssl, &c))
        return false;
    if (c == NULL)
        return true;
    (void)dance_connection_step(ssl, c, DANCE_BEGIN);
    take_psks_away(ssl);
    if (!asks() || dance_is_quic(ssl))
        return true;
    /* A session is agreed upon without a key share there, and so past those who look at it. */
    (void)SSL_clear_options(ssl, SSL_OP_ALLOW_NO_DHE_KEX);
    /* A method of one version (TLSv1_2_server_method()) is asked for nothing but here. */
    if (SSL_get_ssl_method(ssl) == DTLS_method() || SSL_get_ssl_method(ssl) == DTLS_server_method()
        || dance_enforce_version(ssl, SSL_version(ssl)))
        return true;
    dance_connection_fail(c, DANCE_R_PROTOCOL_VERSION, "%s", version_detail(ssl, SSL_version(ssl)));
    return step(ssl, c, DANCE_FAILED);
}

bool dance_enforce_hello(SSL *ssl)
{
    const unsigned char *list = NULL;
    struct dance_connection *c;
    size_t len = 0;

    if (!known(ssl, &c))
        return false;
    if (c == NULL)
        return true;
    if (!step(ssl, c, DANCE_HELLO))
        return false;
    if (dance_rules()->level == DANCE_MIXED)
        return true;
    take_psks_away(ssl);
    /* RFC 8446, section 4.2.11, wants one at least; libssl takes none, and then makes no ticket. */
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_psk, &list, &len) == 1
        && (len < 2 || (list[0] == 0 && list[1] == 0))) {
        dance_connection_fail(c, DANCE_R_PSK_EMPTY, "%s", "");
        return step(ssl, c, DANCE_BROKEN);
    }
    return true;
}

/* Look at the session that is resumed, once for each ClientHello. */
static bool look_at_session(SSL *ssl)
{
    struct dance_connection *c = dance_connection_get(ssl);

    /* Under mixed too: it may be a DANE client's, and over. */
    if (c == NULL) {
        dance_raise(DANCE_R_MEMORY, "");
        return false;
    }
    if (c->state.stage == DANCE_IDLE || c->state.stage == DANCE_BEGUN)
        return step(ssl, c, dance_session_resumed(ssl, c));
    return c->state.stage != DANCE_REFUSED;
}

bool dance_enforce_ask(SSL *ssl)
{
    const int wanted = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    /* Waiting for a post-handshake authentication would let everybody in until then. */
    const int unwanted = SSL_VERIFY_POST_HANDSHAKE | SSL_VERIFY_CLIENT_ONCE;
    struct dance_connection *c;
    int mode;

    if (SSL_session_reused(ssl))
        return look_at_session(ssl);
    if (!known(ssl, &c))
        return false;
    if (c == NULL || dance_rules()->level == DANCE_MIXED)
        return true;
    if (c->state.stage == DANCE_REFUSED)
        return false;
    dance_session_put_aside(ssl, c);
    mode = SSL_get_verify_mode(ssl);
    if (asks() && ((mode & wanted) != wanted || (mode & unwanted) != 0))
        SSL_set_verify(ssl, (mode | wanted) & ~unwanted, NULL);
    return true;
}

bool dance_enforce_request(SSL *ssl)
{
    struct dance_connection *c = dance_connection_get(ssl);

    if (c == NULL) {
        dance_raise(DANCE_R_MEMORY, "");
        return false;
    }
    /* The first handshake may have ended unseen, or has still to ask. */
    if (SSL_get_peer_finished(ssl, &(unsigned char){0}, 1) != 0 ? !dance_enforce_end(ssl)
                                                                : !dance_enforce_ask(ssl))
        return false;
    if (!step(ssl, c, DANCE_REQUEST))
        return false;
    dance_verdict_stand_before(ssl, c);
    return true;
}

bool dance_enforce_asked(SSL *ssl)
{
    struct dance_connection *c;

    if (!asks())
        return true;
    if (!known(ssl, &c))
        return false;
    if (c->state.stage == DANCE_ASKED)
        return true;
    dance_connection_fail(c, DANCE_R_NOT_VERIFIED, "%s", "no certificate was asked for");
    return step(ssl, c, DANCE_FAILED);
}

/* The client presented something by which it could be known. */
static bool has_peer(SSL *ssl)
{
    return SSL_get0_peer_certificate(ssl) != NULL || dance_raw_key_peer(ssl) != NULL;
}

bool dance_enforce_answered(SSL *ssl)
{
    struct dance_connection *c;

    if (!asks())
        return true;
    if (!known(ssl, &c))
        return false;
    if (c->state.stage != DANCE_ASKED || has_peer(ssl))
        return true;
    dance_connection_fail(c, DANCE_R_CERTIFICATE_ABSENT, "%s", "");
    return step(ssl, c, DANCE_FAILED);
}

bool dance_enforce_proof(SSL *ssl)
{
    struct dance_connection *c;

    if (!known(ssl, &c))
        return false;
    if (c == NULL)
        return true;
    /* The application has verified by itself. */
    if (dance_stage_is_open(c->state.stage) || dance_stage_is_over(c->state.stage))
        dance_verdict_now(ssl, c);
    return step(ssl, c, DANCE_PROOF);
}

bool dance_enforce_end(SSL *ssl)
{
    struct dance_connection *c;

    if (!known(ssl, &c))
        return false;
    if (c == NULL && !SSL_session_reused(ssl))
        return true;
    if (c == NULL && (c = dance_connection_get(ssl)) == NULL)
        return false;
    if (SSL_session_reused(ssl) && c->state.stage <= DANCE_BEGUN && !look_at_session(ssl))
        return false;
    /* What was not asked at its time has been proved by now, or libssl would not be here. */
    if (c->state.stage != DANCE_ASKED_AGAIN && has_peer(ssl)
        && (dance_stage_is_open(c->state.stage) || c->state.stage == DANCE_MATCHED)
        && !dance_enforce_proof(ssl))
        return false;
    if (c->state.stage <= DANCE_ASKED && asks())
        dance_connection_fail(c, DANCE_R_NOT_VERIFIED, "%s", "it sent no certificate");
    return step(ssl, c, DANCE_END);
}

void dance_enforce_alerted(SSL *ssl, int description)
{
    /* libssl tells of QUIC's alerts with an SSL of its own, of which nothing is known. */
    struct dance_connection *c = asks() ? dance_connection_get(ssl) : dance_connection_find(ssl);
    long result = SSL_get_verify_result(ssl);

    if (c == NULL || c->reported)
        return;
    if (c->state.stage == DANCE_PROVED)
        dance_connection_fail(c, DANCE_R_SIGNATURE, "%s", "");
    else if (asks() && description == SSL_AD_CERTIFICATE_REQUIRED)
        dance_connection_fail(c, DANCE_R_CERTIFICATE_ABSENT, "%s", "");
    else if (asks() && description == SSL_AD_PROTOCOL_VERSION)
        dance_connection_fail(c, DANCE_R_PROTOCOL_VERSION, "%s",
                              version_detail(ssl, TLS1_3_VERSION));
    /* The application has verified by itself, and refused by itself; or libssl without our
     * callback. */
    else if (c->state.stage == DANCE_RECORDS && c->verify_error == X509_V_OK)
        dance_connection_fail(c, DANCE_R_APPLICATION_REFUSED, "%s",
                              result != X509_V_OK ? X509_verify_cert_error_string(result) : "");
    else if (dance_stage_is_open(c->state.stage) && result != X509_V_OK
             && (c->state.tied || dance_rules()->level > DANCE_MIXED))
        dance_verdict_explain(c);
    if (c->reason != DANCE_R_NONE)
        dance_report_refused(ssl, c);
}
