/*
 * enforce.h: policies dane and require on a server's SSL, before and after the
 * client's certificate, and the lifetime of sessions that are resumed.
 *
 * Applications replace SSL_CTX callbacks and set verify modes late, so this is
 * called from the SSL's own info callback (watch.h), from the CertificateRequest
 * and from client_hello_cb: whichever of them the application left to us.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_ENFORCE_H
#define DANCE_SERVER_ENFORCE_H

#include <openssl/ssl.h>

/*
 * Prepare a server's SSL for the policy: under require verify mode and lowest
 * version are raised; where the application asks for certificates under dane,
 * DANE is armed; raw public keys are taken where the configuration says so.
 * Idempotent. 0 when that failed, which must end the handshake.
 */
int dance_enforce_prepare(SSL *ssl);

/*
 * Under require, for a server-capable SSL_CTX that is being made: no handshake of
 * a server's below TLS 1.3, whatever callbacks the application takes. There we
 * have no extension by which to say a last word.
 */
void dance_enforce_versions(SSL_CTX *ctx);

/* While a server's handshake goes on: before tickets are made, which copy the session's lifetime.
 */
void dance_enforce_resumed(SSL *ssl);

/* libssl has sent a fatal alert; where it refused because of what require had set, log that. */
void dance_enforce_alerted(SSL *ssl, int description);

/* client_hello_cb of server-capable SSL_CTXs. */
int dance_enforce_client_hello(SSL *ssl, int *alert, void *arg);

/*
 * The last word, when the server is about to send a session ticket: under
 * policies that the application cannot overrule, 1 only if this client was
 * verified by us, now or in the session that is resumed; under dane not if that
 * session holds a certificate which nobody looked at under that policy; and under
 * no policy if it should have ended before, or its name is not allowed.
 */
int dance_enforce_passed(SSL *ssl);

/*
 * A server's handshake or post-handshake authentication is over. Whoever has
 * come as far without the last word, because libssl sent no ticket, finds the
 * connection shut: nothing is read from it or written to it any more.
 */
void dance_enforce_finished(SSL *ssl);

#endif
