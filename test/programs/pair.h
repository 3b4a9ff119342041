/*
 * pair.h: a server and a client in one process, over a pair of BIOs.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_TEST_PAIR_H
#define DANCE_TEST_PAIR_H

#include <openssl/ssl.h>
#include <stdbool.h>

struct pair_outcome {
    bool possible; /* the server's handshake came to an end, good or bad */
    bool admitted; /* and the client can talk to it */
};

static inline bool pair_is_over(SSL *ssl, int rv)
{
    return rv == 1 || SSL_get_error(ssl, rv) != SSL_ERROR_WANT_READ;
}

static inline struct pair_outcome pair_shake_hands(SSL *server, SSL *client)
{
    struct pair_outcome outcome = {false, false};
    bool client_is_over = false;
    char octet = 'x';

    for (int i = 0; i < 100 && !(outcome.possible && client_is_over); i++) {
        client_is_over = client_is_over || pair_is_over(client, SSL_do_handshake(client));
        outcome.possible = outcome.possible || pair_is_over(server, SSL_do_handshake(server));
    }
    outcome.admitted = SSL_is_init_finished(server) && SSL_write(server, &octet, 1) == 1
                       && SSL_read(client, &octet, 1) == 1;
    return outcome;
}

/* A handshake between an SSL of each. */
static inline struct pair_outcome pair_connect(SSL_CTX *server_ctx, SSL_CTX *client_ctx)
{
    struct pair_outcome outcome = {false, false};
    SSL *server = SSL_new(server_ctx);
    SSL *client = SSL_new(client_ctx);
    BIO *one = NULL, *other = NULL;

    if (server != NULL && client != NULL && BIO_new_bio_pair(&one, 0, &other, 0)) {
        SSL_set_bio(server, one, one);
        SSL_set_bio(client, other, other);
        SSL_set_accept_state(server);
        SSL_set_connect_state(client);
        outcome = pair_shake_hands(server, client);
    }
    SSL_free(server);
    SSL_free(client);
    return outcome;
}

#endif
