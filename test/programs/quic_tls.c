/*
 * quic_tls: both ends of a QUIC handshake as other QUIC libraries have libssl do it.
 *
 * They carry the handshake's octets themselves (SSL_set_quic_tls_cbs()); here
 * they go from one end to the other in memory. Where this OpenSSL has no such
 * functions (before 3.5) it says so and ends with 77.
 *
 *   quic_tls CERTIFICATE KEY [ask]
 *
 * prints what the server made of its client, "client: SUBJECT, verify result N" or
 * "refused: REASON, alert N".
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "program.h"

#include <openssl/opensslconf.h>
#include <openssl/opensslv.h>

#if OPENSSL_VERSION_NUMBER < 0x30500000L

int main(void)
{
    puts("this OpenSSL does no handshakes for other QUIC libraries: " OPENSSL_VERSION_TEXT);
    return 77;
}

#else

#include <openssl/core_dispatch.h>
#include <openssl/ssl.h>
#include <string.h>

#define LEVELS 4 /* OSSL_RECORD_PROTECTION_LEVEL_... */

/* One direction at one level of encryption. */
struct pipe {
    unsigned char octets[16384];
    size_t begin, end;
};

/* One end, as the callbacks get it. */
struct end {
    struct pipe *in, *out; /* LEVELS of each */
    uint32_t in_level, out_level;
    int alert;
};

static int on_send(SSL *ssl, const unsigned char *octets, size_t len, size_t *consumed, void *arg)
{
    struct end *end = arg;
    struct pipe *out = &end->out[end->out_level];

    (void)ssl;
    *consumed = 0;
    if (len > sizeof(out->octets) - out->end)
        return 0;
    memcpy(out->octets + out->end, octets, len);
    out->end += len;
    *consumed = len;
    return 1;
}

static int on_receive(SSL *ssl, const unsigned char **octets, size_t *len, void *arg)
{
    struct end *end = arg;
    const struct pipe *in = &end->in[end->in_level];

    (void)ssl;
    *octets = in->octets + in->begin;
    *len = in->end - in->begin;
    return 1;
}

static int on_release(SSL *ssl, size_t len, void *arg)
{
    struct end *end = arg;

    (void)ssl;
    end->in[end->in_level].begin += len;
    return 1;
}

static int on_secret(SSL *ssl, uint32_t level, int direction, const unsigned char *secret,
                     size_t len, void *arg)
{
    struct end *end = arg;

    (void)ssl;
    (void)secret;
    (void)len;
    if (level >= LEVELS)
        return 0;
    if (direction == 1)
        end->out_level = level;
    else
        end->in_level = level;
    return 1;
}

static int on_parameters(SSL *ssl, const unsigned char *parameters, size_t len, void *arg)
{
    (void)ssl;
    (void)parameters;
    (void)len;
    (void)arg;
    return 1;
}

static int on_alert(SSL *ssl, unsigned char alert, void *arg)
{
    struct end *end = arg;

    (void)ssl;
    end->alert = alert;
    return 1;
}

static int take_first_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl;
    (void)in_len;
    (void)arg;
    *out = in + 1;
    *out_len = in[0];
    return SSL_TLSEXT_ERR_OK;
}

static SSL *make(SSL_CTX *ctx, struct end *end)
{
    static const OSSL_DISPATCH callbacks[] = {
        {OSSL_FUNC_SSL_QUIC_TLS_CRYPTO_SEND, (void (*)(void))on_send},
        {OSSL_FUNC_SSL_QUIC_TLS_CRYPTO_RECV_RCD, (void (*)(void))on_receive},
        {OSSL_FUNC_SSL_QUIC_TLS_CRYPTO_RELEASE_RCD, (void (*)(void))on_release},
        {OSSL_FUNC_SSL_QUIC_TLS_YIELD_SECRET, (void (*)(void))on_secret},
        {OSSL_FUNC_SSL_QUIC_TLS_GOT_TRANSPORT_PARAMS, (void (*)(void))on_parameters},
        {OSSL_FUNC_SSL_QUIC_TLS_ALERT, (void (*)(void))on_alert},
        OSSL_DISPATCH_END};
    static const unsigned char parameters[] = {0x04, 0x01, 0x10}; /* initial_max_data */
    SSL *ssl = SSL_new(ctx);

    if (ssl == NULL || !SSL_set_quic_tls_cbs(ssl, callbacks, end)
        || !SSL_set_quic_tls_transport_params(ssl, parameters, sizeof(parameters)))
        die("SSL");
    return ssl;
}

/* 1: has come to the end; 0: waits for the other; -1: ended. */
static int go_on(SSL *ssl)
{
    int result = SSL_do_handshake(ssl);

    if (result == 1)
        return 1;
    return SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ ? 0 : -1;
}

int main(int argc, char *argv[])
{
    static struct pipe to_server[LEVELS], to_client[LEVELS];
    struct end client_end = {.in = to_client, .out = to_server, .alert = -1};
    struct end server_end = {.in = to_server, .out = to_client, .alert = -1};
    SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX *server_ctx = SSL_CTX_new(TLS_server_method());
    SSL *client, *server;
    char subject[256] = "(nobody)";
    X509 *peer;
    int at_client = 0, at_server = 0;

    if (argc < 3 || client_ctx == NULL || server_ctx == NULL
        || SSL_CTX_use_certificate_chain_file(server_ctx, argv[1]) != 1
        || SSL_CTX_use_PrivateKey_file(server_ctx, argv[2], SSL_FILETYPE_PEM) != 1
        || SSL_CTX_set_alpn_protos(client_ctx, (const unsigned char *)"\4test", 5) != 0)
        die("SSL_CTX");
    SSL_CTX_set_alpn_select_cb(server_ctx, take_first_alpn, NULL);
    if (argc > 3)
        SSL_CTX_set_verify(server_ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    client = make(client_ctx, &client_end);
    server = make(server_ctx, &server_end);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    ERR_clear_error();
    for (int i = 0; i < 10 && (at_client == 0 || at_server == 0); i++) {
        if (at_client == 0)
            at_client = go_on(client);
        if (at_server == 0)
            at_server = go_on(server);
    }
    if (at_server == 1) {
        peer = SSL_get1_peer_certificate(server);
        if (peer != NULL)
            X509_NAME_oneline(X509_get_subject_name(peer), subject, sizeof(subject));
        X509_free(peer);
        printf("client: %s, verify result %ld\n", subject, SSL_get_verify_result(server));
    } else {
        printf("refused: %s, alert %d\n", ERR_reason_error_string(ERR_peek_error()),
               server_end.alert);
    }
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(client_ctx);
    SSL_CTX_free(server_ctx);
    return 0;
}

#endif
