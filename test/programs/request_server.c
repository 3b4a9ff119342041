/*
 * request_server: a TLS 1.3 server that puts what it likes into its CertificateRequest.
 *
 *   request_server PORT CERTIFICATE KEY TYPE HEX
 *
 * An extension of number TYPE with the octets HEX ("-": none). It serves one connection after the
 * other, and answers each with "presented: certificate" or "presented: none".
 * Nothing is verified.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "ignore.h"
#include "program.h"

#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>

static unsigned char *octets;
static long octets_len;

static int add(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *len,
               X509 *x, size_t entry, int *alert, void *arg)
{
    (void)ssl;
    (void)type;
    (void)context;
    (void)x;
    (void)entry;
    (void)alert;
    (void)arg;
    *out = octets;
    *len = (size_t)octets_len;
    return 1;
}

int main(int argc, char *argv[])
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    int listener;
    int fd;

    if (argc != 6)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    if (strcmp(argv[5], "-") != 0 && (octets = OPENSSL_hexstr2buf(argv[5], &octets_len)) == NULL)
        die("HEX");
    if (ctx == NULL || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION)
        || SSL_CTX_use_certificate_chain_file(ctx, argv[2]) != 1
        || SSL_CTX_use_PrivateKey_file(ctx, argv[3], SSL_FILETYPE_PEM) != 1
        || !SSL_CTX_add_custom_ext(ctx, (unsigned)atoi(argv[4]),
                                   SSL_EXT_TLS1_3_CERTIFICATE_REQUEST | SSL_EXT_TLS1_3_CERTIFICATE,
                                   add, NULL, NULL, NULL, NULL))
        die("SSL_CTX");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, trust_everybody, NULL);
    listener = listen_at(atoi(argv[1]), 16);
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        SSL *ssl = SSL_new(ctx);
        char line[256];

        if (ssl == NULL || !SSL_set_fd(ssl, fd))
            die("SSL_new");
        if (SSL_accept(ssl) == 1 && SSL_read(ssl, line, sizeof(line)) > 0) {
            const char *what = SSL_get0_peer_certificate(ssl) != NULL ? "presented: certificate\n"
                                                                      : "presented: none\n";

            (void)SSL_write(ssl, what, (int)strlen(what));
            (void)SSL_shutdown(ssl);
        } else {
            printf("%s\n", ERR_error_string(ERR_peek_last_error(), NULL));
            fflush(stdout);
        }
        ERR_clear_error();
        SSL_free(ssl);
        (void)shutdown(fd, SHUT_WR);
        while (recv(fd, line, sizeof(line), 0) > 0)
            continue;
        close(fd);
    }
    return 1;
}
