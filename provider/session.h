/*
 * session.h: how long the TLS session of a DANE client may be resumed.
 *
 * Not beyond the TTL of the record that let the client in. libssl keeps that
 * promise once the session has its lifetime, but it makes tickets of copies
 * with a lifetime of their own, and applications set lifetimes in their session
 * callbacks (Apache's mod_ssl, between a connection's first ticket and its
 * second). So the end is remembered with the connection and set again before
 * each ticket, and it stands in the session itself, where a resumption that
 * comes too late is seen.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SESSION_H
#define DANCE_SESSION_H

#include "connection.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/* The sessions of this connection end in so many seconds, or one second for 0, or earlier. */
void dance_session_end_in(struct dance_connection *connection, unsigned long seconds);

/*
 * Note the end and the client's name in the session, so that each resumption
 * knows them, and that DANE authenticated its client. Where the application has
 * data of its own there, that stays.
 */
void dance_session_mark(SSL *ssl, const struct dance_connection *connection);

/*
 * The connection resumes a session: that of a DANE client gets only what was
 * left of its lifetime, or it could be prolonged again and again, and the
 * connection gets its name. any: whether or not it is marked as such. To be called while the
 * handshake goes on, once.
 */
void dance_session_resumed(SSL *ssl, struct dance_connection *connection, bool any);

/* Set the end again, where one is known: libssl or the application may have put it off. */
void dance_session_hold(SSL *ssl);

/* The same as the SSL_CTX's callback before each ticket. */
int dance_session_before_ticket(SSL *ssl, void *arg);

/* The session that ssl resumed was made with a client that DANE authenticated, and is allowed. */
bool dance_session_good(SSL *ssl);

/* The session that ssl resumed had come to its end before now. */
bool dance_session_outlived(SSL *ssl);

#endif
