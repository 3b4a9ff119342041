/*
 * quic_server: a QUIC server that knows nothing of dance.
 *
 * It serves one connection after the other: a line on the stream is answered by
 * itself, reversed, and each connection prints what libssl says of the peer.
 * Where this OpenSSL has no QUIC server (before 3.5) it says so and ends with 77.
 *
 *   -p PORT -c CERTIFICATE -k KEY -a CA
 *   -v    SSL_VERIFY_PEER; -V  with FAIL_IF_NO_PEER_CERT
 *   -X    a cert_verify_callback that says yes to everybody; -K  no tickets
 *   -I    an info callback on the SSL_CTX; -H  a client_hello_cb; -M  a message callback
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "ignore.h"
#include "program.h"

#include <openssl/opensslconf.h>
#include <openssl/opensslv.h>

#if defined(OPENSSL_NO_QUIC) || OPENSSL_VERSION_NUMBER < 0x30500000L

int main(void)
{
    puts("this OpenSSL has no QUIC server: " OPENSSL_VERSION_TEXT);
    return 77;
}

#else

#include <openssl/quic.h>
#include <openssl/ssl.h>
#include <string.h>

static struct {
    int port, mode, trusting, no_tickets, info, hello, message;
    const char *certificate, *key, *ca;
} option;

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

static SSL_CTX *make_context(void)
{
    static const unsigned char id[] = "quic_server";
    SSL_CTX *ctx = SSL_CTX_new(OSSL_QUIC_server_method());

    if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, option.certificate) != 1
        || SSL_CTX_use_PrivateKey_file(ctx, option.key, SSL_FILETYPE_PEM) != 1
        || !SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1)
        || (option.ca != NULL && SSL_CTX_load_verify_file(ctx, option.ca) != 1))
        die("SSL_CTX");
    SSL_CTX_set_verify(ctx, option.mode, NULL);
    SSL_CTX_set_alpn_select_cb(ctx, take_first_alpn, NULL);
    if (option.trusting)
        SSL_CTX_set_cert_verify_callback(ctx, trust_everybody, NULL);
    if (option.no_tickets)
        SSL_CTX_set_num_tickets(ctx, 0);
    if (option.info)
        SSL_CTX_set_info_callback(ctx, ignore_info);
    if (option.hello)
        SSL_CTX_set_client_hello_cb(ctx, ignore_hello, NULL);
    if (option.message)
        SSL_CTX_set_msg_callback(ctx, ignore_message);
    return ctx;
}

static SSL *listen_for_quic(SSL_CTX *ctx, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    SSL *listener = SSL_new_listener(ctx, 0);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener == NULL || fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0
        || !SSL_set_fd(listener, fd) || !SSL_listen(listener))
        die("listen");
    return listener;
}

static void serve(SSL *ssl)
{
    SSL_SHUTDOWN_EX_ARGS at_once = {0};
    X509 *peer;
    char subject[256] = "(nobody)";
    char line[512];
    int n;

    ERR_clear_error();
    n = SSL_read(ssl, line, sizeof(line));
    if (n > 0) {
        peer = SSL_get1_peer_certificate(ssl);
        if (peer != NULL)
            X509_NAME_oneline(X509_get_subject_name(peer), subject, sizeof(subject));
        X509_free(peer);
        printf("peer %s, verify result %ld, resumed %d, queue: %s\n", subject,
               SSL_get_verify_result(ssl), SSL_session_reused(ssl),
               ERR_peek_error() == 0 ? "empty" : ERR_error_string(ERR_peek_error(), NULL));
        for (int i = 0; i < n / 2; i++) {
            char c = line[i];

            line[i] = line[n - 1 - i];
            line[n - 1 - i] = c;
        }
        if (SSL_write(ssl, line, n) == n && SSL_stream_conclude(ssl, 0) == 1)
            while (SSL_shutdown(ssl) == 0)
                continue;
    } else {
        printf("ended: %s\n", ERR_error_string(ERR_peek_error(), NULL));
        (void)SSL_shutdown_ex(ssl, SSL_SHUTDOWN_FLAG_RAPID, &at_once, sizeof(at_once));
    }
}

int main(int argc, char *argv[])
{
    static const struct program_option table[] = {
        NUMBER('p', option.port),
        TEXT('c', option.certificate),
        TEXT('k', option.key),
        TEXT('a', option.ca),
        BITS('v', option.mode, SSL_VERIFY_PEER),
        BITS('V', option.mode, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT),
        FLAG('X', option.trusting),
        FLAG('K', option.no_tickets),
        FLAG('I', option.info),
        FLAG('H', option.hello),
        FLAG('M', option.message),
        {0},
    };
    SSL_CTX *ctx;
    SSL *listener;
    SSL *ssl;

    read_options(argc, argv, table);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    ctx = make_context();
    listener = listen_for_quic(ctx, option.port);
    puts("ready");
    while ((ssl = SSL_accept_connection(listener, 0)) != NULL) {
        serve(ssl);
        SSL_free(ssl);
    }
    ERR_print_errors_fp(stderr);
    return 1;
}

#endif
