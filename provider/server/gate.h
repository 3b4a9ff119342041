/*
 * gate.h: where enforcement hangs.
 *
 * libssl asks its security callback at fixed moments of every handshake, whatever
 * other callbacks the application has. Ours stands before libssl's own (or the
 * application's) and passes everything on to it:
 *
 *   Begin  SSL_SECOP_VERSION in state BEFORE: libssl's state machine starts
 *   Hello  SSL_SECOP_CIPHER_SHARED: each ClientHello of TLS 1.3
 *   Ask    SSL_SECOP_SIGALG_SHARED, SSL_SECOP_CURVE_*: the session is chosen;
 *          SSL_SECOP_EE_KEY as the server's Certificate goes out: it was asked
 *   Proof  SSL_SECOP_SIGALG_CHECK: once for each client CertificateVerify
 *
 * and the ticket callbacks and the SSL's info callback say the end. An application
 * that replaces one of them is found by the others, or by the message callback, and
 * ours is put before its own.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_GATE_H
#define DANCE_SERVER_GATE_H

#include <openssl/ssl.h>

/* What a client is told of its handshake. */
struct dance_gate_client {
    void (*begins)(SSL *ssl);
    void (*does_not_sign)(SSL *ssl); /* with its key, and has failed by that */
};

/*
 * For an SSL_CTX that is being made: its callbacks. client lives as long as the
 * process; NULL: there is no client section. Allocates nothing.
 */
void dance_gate_install(SSL_CTX *ctx, const struct dance_gate_client *client);

/*
 * Instead, for an SSL_CTX where something that enforces could not be put in place: it
 * lets nobody in as a server. After the above; allocates nothing.
 */
void dance_gate_shut(SSL_CTX *ctx);

/* From another callback of ours: stand before the application's again. */
void dance_gate_stand_before(SSL *ssl);

#endif
