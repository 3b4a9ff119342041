/*
 * enforce.h: policies dane and require on a server's SSL, before and after the
 * client's certificate, and the lifetime of sessions that are resumed.
 *
 * Applications replace SSL_CTX callbacks and set verify modes late, so this
 * works from the SSL's own info callback (which passes every event on to the
 * SSL_CTX's): it sees the handshake after the application has set what it
 * wants, and again after each step. For applications that take the info
 * callback, and where SSLs of several kinds are made (see hook.c), the SSL_CTX's
 * info callback, client_hello_cb and the CertificateRequest come to the same.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_ENFORCE_H
#define DANCE_ENFORCE_H

#include <openssl/ssl.h>

/* For each SSL that is made, from inside SSL_new(); never for QUIC's. */
void dance_enforce_watch(SSL *ssl);

/* For each SSL_CTX of a server, until the application takes the callback for itself. */
void dance_enforce_watch_context(SSL_CTX *ctx);

/*
 * Prepare a server's SSL for the policy: under require verify mode and lowest
 * version are raised; where the application asks for certificates under dane,
 * DANE is armed. Idempotent. 0 when that failed, which must end the handshake.
 */
int dance_enforce_prepare(SSL *ssl);

/* client_hello_cb of servers' SSL_CTXs. */
int dance_enforce_client_hello(SSL *ssl, int *alert, void *arg);

/*
 * The last word, when the server is about to send a session ticket: under
 * policies that the application cannot overrule, 1 only if this client was
 * verified by us, now or in the session that is resumed.
 */
int dance_enforce_passed(SSL *ssl);

#endif
