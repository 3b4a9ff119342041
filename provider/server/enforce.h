/*
 * enforce.h: what the policy does at each moment of a server's handshake.
 *
 * gate.h says when these moments are. Each may come again (another ClientHello,
 * another key agreement that is asked for), and is then without further effect.
 * A function that answers false has said why, and the handshake must end.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_ENFORCE_H
#define DANCE_SERVER_ENFORCE_H

#include <openssl/ssl.h>
#include <stdbool.h>

/* A handshake begins. Whoever was here before is forgotten. */
bool dance_enforce_begin(SSL *ssl);

/* Is a version good enough? Where there is no proof there is no version. */
bool dance_enforce_version(const SSL *ssl, int version);

/* A ClientHello of TLS 1.3, before sessions and pre-shared keys are looked up. */
bool dance_enforce_hello(SSL *ssl);

/* The session is chosen. Under require: is a certificate asked for? */
bool dance_enforce_ask(SSL *ssl);

/* A CertificateRequest of TLS 1.3 is made: an authentication begins. */
bool dance_enforce_request(SSL *ssl);

/* The server's own certificate goes out: under require its request must have gone before. */
bool dance_enforce_asked(SSL *ssl);

/* The client's Certificate has been read: under require there was one in it. */
bool dance_enforce_answered(SSL *ssl);

/* The client's CertificateVerify is about to be checked. */
bool dance_enforce_proof(SSL *ssl);

/*
 * The client's Finished is behind us: the last word, and what an acceptance means
 * (log line, mark). Before tickets are made of the session.
 */
bool dance_enforce_end(SSL *ssl);

/* libssl has sent a fatal alert; where it is for what the policy set, the log says so. */
void dance_enforce_alerted(SSL *ssl, int description);

#endif
