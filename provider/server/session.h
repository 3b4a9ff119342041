/*
 * session.h: what stays of a client's authentication in its TLS session.
 *
 * A session is the authentication once more, without a look at the DNS: it ends
 * with the record, however often it is resumed. libssl gives each new ticket the
 * full lifetime again, and applications set lifetimes in their session callbacks
 * (Apache's mod_ssl, between a connection's first ticket and its second). So the
 * end is remembered with the connection and set again before each ticket; and the
 * sessions of DANE clients are marked with their end and the client's name, in the
 * cache and in tickets, where the application keeps no data of its own
 * (SSL_SESSION_set1_ticket_appdata()).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_SESSION_H
#define DANCE_SERVER_SESSION_H

#include "server/connection.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/* Mark the session of an accepted client; before its tickets are made. */
void dance_session_mark(SSL *ssl, const struct dance_connection *connection);

/*
 * The same for one whom DANE did not authenticate, and the application, which
 * under dane may, let pass: so it may when the session is resumed.
 */
void dance_session_mark_nobody(SSL *ssl);

/*
 * End ssl's session, and those of tickets that are still to be made of it, at
 * connection->until; the same as the SSL_CTX's callback before each ticket.
 */
void dance_session_limit(SSL *ssl, const struct dance_connection *connection);
int dance_session_before_ticket(SSL *ssl, void *arg);

/*
 * ssl resumes a session: take the name and the end from it, for the tickets that
 * this connection makes, and see whether it is over. To be called while the
 * handshake goes on, once.
 */
void dance_session_resumed(SSL *ssl, struct dance_connection *connection);

/* What the session that ssl resumed says of its client. */
enum dance_session_client {
    DANCE_SESSION_UNKNOWN,     /* nothing, or what the application does not hold to be true */
    DANCE_SESSION_NOBODY,      /* the application let it pass without DANE */
    DANCE_SESSION_NOT_ALLOWED, /* DANE authenticated it, but its name is not allowed, or not now */
    DANCE_SESSION_GOOD         /* DANE authenticated it, and it is allowed */
};
enum dance_session_client dance_session_client(SSL *ssl);

#endif
