/*
 * watch.h: the SSL's own info callback, by which dance sees a handshake begin.
 *
 * It is put on each SSL as it is made, before the application can set one, and
 * passes every event on to the SSL_CTX's callback, which libssl would have
 * called. An application that sets the SSL's own takes it from us until the
 * handshake reaches another callback of ours.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_WATCH_H
#define DANCE_SERVER_WATCH_H

#include <openssl/ssl.h>
#include <stdbool.h>

/* For each SSL that is made, from inside SSL_new(); never for QUIC's. */
void dance_watch(SSL *ssl);

/*
 * For each SSL_CTX, in place of the above: its info callback, and for servers
 * its message callback, until the application takes them for itself.
 */
void dance_watch_context(SSL_CTX *ctx);

/*
 * ssl is a server's whose handshake goes on: true when we watch it. Where the
 * application took the callback, false, and from now on ours stands before it.
 */
bool dance_watch_again(SSL *ssl);

#endif
