/*
 * serve.h: what the test servers that know nothing of dance have in common:
 * their end, SSL_CTX, ticket keys and pre-shared key, and what they believe of a peer.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef SERVE_H
#define SERVE_H

#include "program.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* From the command line; the CA and the external pre-shared key (hex) may be left out. */
static struct {
    int port;
    const char *certificate, *key, *ca, *psk;
} serving;

#define SERVING_OPTIONS                                                                            \
    NUMBER('p', serving.port), TEXT('c', serving.certificate), TEXT('k', serving.key),             \
        TEXT('a', serving.ca), TEXT('w', serving.psk)

static volatile sig_atomic_t ended;

static inline void on_end(int sig)
{
    (void)sig;
    ended = 1;
}

/* From now on SIGTERM sets "ended", accept() is not begun again, and each line goes out at once. */
static inline void serving_begin(void)
{
    struct sigaction action = {.sa_handler = on_end};

    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGTERM, &action, NULL);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
}

static inline SSL_CTX *serving_context(const SSL_METHOD *method, int mode, SSL_verify_cb verify)
{
    static const unsigned char id[] = "odd_server";
    SSL_CTX *ctx = SSL_CTX_new(method);

    if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, serving.certificate) != 1
        || SSL_CTX_use_PrivateKey_file(ctx, serving.key, SSL_FILETYPE_PEM) != 1
        || !SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1)
        || (serving.ca != NULL && SSL_CTX_load_verify_file(ctx, serving.ca) != 1))
        die("SSL_CTX");
    SSL_CTX_set_verify(ctx, mode, verify);
    return ctx;
}

/* The external pre-shared key if this is its identity; its length, or 0. */
static inline size_t common_psk(const unsigned char *identity, size_t len, unsigned char *key,
                                size_t size)
{
    size_t key_len = 0;

    if (serving.psk == NULL || len != 3 || memcmp(identity, "psk", len) != 0
        || !OPENSSL_hexstr2buf_ex(key, size, &key_len, serving.psk, '\0'))
        return 0;
    return key_len;
}

/* For SSL_CTX_set_psk_find_session_callback(). */
static inline int find_psk(SSL *ssl, const unsigned char *identity, size_t len,
                           SSL_SESSION **session)
{
    /* TLS_AES_128_GCM_SHA256 */
    const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, (const unsigned char *)"\x13\x01");
    unsigned char key[32];
    size_t key_len = common_psk(identity, len, key, sizeof(key));

    *session = NULL;
    if (key_len == 0)
        return 1;
    *session = SSL_SESSION_new();
    return *session != NULL && SSL_SESSION_set1_master_key(*session, key, key_len)
           && SSL_SESSION_set_cipher(*session, cipher)
           && SSL_SESSION_set_protocol_version(*session, TLS1_3_VERSION)
           && SSL_SESSION_set_max_early_data(*session, 1000);
}

/* "peer SUBJECT, verify result N, resumed N": what an application would now believe. */
static inline void describe(SSL *ssl, char *out, size_t size)
{
    X509 *peer = SSL_get1_peer_certificate(ssl);
    char subject[256] = "(nobody)";

    if (peer != NULL)
        X509_NAME_oneline(X509_get_subject_name(peer), subject, sizeof(subject));
    X509_free(peer);
    (void)snprintf(out, size, "peer %s, verify result %ld, resumed %d\n", subject,
                   SSL_get_verify_result(ssl), SSL_session_reused(ssl));
}

/* Waiting for the client is blocking, but not for ever. */
static inline void bound_waiting(int fd)
{
    struct timeval bound = {.tv_sec = 60};

    if (fcntl(fd, F_SETFL, 0) != 0
        || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound)) != 0)
        die("fcntl");
}

/* Let an alert arrive: closing with the peer's octets unread would reset the connection. */
static inline void let_the_alert_arrive(int fd)
{
    char octets[512];

    (void)shutdown(fd, SHUT_WR);
    while (recv(fd, octets, sizeof(octets), 0) > 0)
        continue;
}

/*
 * After a handshake that came to result: print "accept N", and if it is a success "read nothing" or
 * "read LINE, " and what is believed of the peer, which is also the answer. Closes fd.
 */
static inline void conclude(SSL *ssl, int fd, int result)
{
    char line[512];
    char peer[512];
    int n;

    if (result == 1) {
        bound_waiting(fd);
        n = SSL_read(ssl, line, sizeof(line) - 1);
        if (n > 0) {
            line[n] = '\0';
            line[strcspn(line, "\n")] = '\0';
            describe(ssl, peer, sizeof(peer));
            printf("accept 1\nread %s, %s", line, peer);
            (void)SSL_write(ssl, peer, (int)strlen(peer));
        } else {
            printf("accept 1\nread nothing\n");
        }
        (void)SSL_shutdown(ssl);
    } else {
        printf("accept %d: %s\n", result, ERR_error_string(ERR_peek_error(), NULL));
    }
    ERR_clear_error();
    bound_waiting(fd);
    let_the_alert_arrive(fd);
    close(fd);
}

#endif
