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
 * ours is put before its own. A client's moments are seen in the same way.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_GATE_H
#define DANCE_SERVER_GATE_H

#include <openssl/ssl.h>

/* What a client is told of. */
enum dance_client_moment {
    DANCE_CLIENT_AT_BEGIN,        /* its handshake begins */
    DANCE_CLIENT_AT_NEXT,         /* after it, a message is about to be read or sent */
    DANCE_CLIENT_AT_SERVER,       /* the server's certificate is there, and its CertificateVerify */
    DANCE_CLIENT_AT_CERTIFICATE,  /* this certificate is about to be put on the SSL, while it has to
                                     be chosen what is presented */
    DANCE_CLIENT_AT_NO_SIGNATURE, /* it fails, for there is none with the key that is presented */
    DANCE_CLIENT_AT_END           /* the handshake, or an authentication after it, is over */
};
typedef void dance_client_callback(SSL *ssl, enum dance_client_moment moment,
                                   const X509 *certificate);

/*
 * For an SSL_CTX that is being made: its callbacks. client is called at each moment of a client's;
 * NULL: there is no client section. Allocates nothing.
 */
void dance_gate_install(SSL_CTX *ctx, dance_client_callback *client);

/*
 * Instead, for an SSL_CTX where something that enforces could not be put in place: it
 * lets nobody in as a server. After the above; allocates nothing.
 */
void dance_gate_shut(SSL_CTX *ctx);

/* From another callback of ours: stand before the application's again. */
void dance_gate_stand_before(SSL *ssl);

#endif
