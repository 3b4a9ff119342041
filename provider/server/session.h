/*
 * session.h: what stays of a client's authentication in its TLS session.
 *
 * A session is the authentication once more, without a look at the DNS: it ends
 * with the record, however often it is resumed. libssl gives each new ticket the
 * full lifetime again, and applications set lifetimes in their session callbacks
 * (Apache's mod_ssl, between a connection's first ticket and its second). So the
 * end is remembered with the connection and set again before each ticket; and
 * sessions are marked with their end and the client's name, in the cache and in
 * tickets (SSL_SESSION_set1_ticket_appdata()).
 *
 * Only the mark counts. While a handshake goes on its session belongs to an id
 * context of nobody's, so that libssl resumes it nowhere; it gets its own back
 * when a ticket is made of it, by the callback that marks it. Where the
 * application has that callback, or data of its own where the mark should be, its
 * sessions stay nobody's: full handshakes, never an error.
 *
 * A session that was found in a cache is shared with other threads: it is read,
 * and never written to.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_SESSION_H
#define DANCE_SERVER_SESSION_H

#include "server/connection.h"

#include <openssl/ssl.h>

/* May this session, found in a ticket, be resumed at all? Otherwise a full handshake is made. */
bool dance_session_counts(SSL_SESSION *session);

/* A handshake of TLS 1.3 has made a new session: nobody's, until a ticket is made of it. */
void dance_session_put_aside(SSL *ssl, struct dance_connection *connection);

/*
 * ssl resumes a session: what that means for the connection, with the reason where
 * it does not count, and the name and the end where it does, for the tickets that
 * this connection makes.
 */
enum dance_event dance_session_resumed(SSL *ssl, struct dance_connection *connection);

/*
 * The handshake is over: mark the session of an accepted client; or, with accepted
 * false, of one without a certificate, or whom DANE did not authenticate and the
 * application let pass all the same, as it may when the session is resumed.
 */
void dance_session_mark(SSL *ssl, const struct dance_connection *connection, bool accepted);

/*
 * Before a ticket is made of ssl's session, which is this connection's alone by then:
 * it ends at connection->until, and is no longer nobody's if the handshake is over.
 */
void dance_session_before_ticket(SSL *ssl, const struct dance_connection *connection);

#endif
