/*
 * report.h: what the log says of a client.
 *
 *     accepted NAME (...); client=... server=... identity=... ttl=...
 *     refused NAME: REASON; client=... server=... identity=... reason=... ttl=...
 *     not authenticated, the application goes on with NAME: REASON; ...
 *     N more refused in 10 s: REASON; reason=...
 *
 * The sentence is for people, what follows its last "; " for programs (fields.h):
 * each field is there where it is known. Refusals for one reason are bounded
 * (repeats.h), in each process by itself; what was counted is said in front of the
 * next line about a client, or when the process ends or the module is unloaded.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_REPORT_H
#define DANCE_SERVER_REPORT_H

#include "server/connection.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/* The client was accepted. */
void dance_report_accepted(SSL *ssl, const struct dance_connection *connection);

/* The client was refused for the connection's reason; once for each authentication. */
void dance_report_refused(SSL *ssl, struct dance_connection *connection);

/* The same where the application goes on with it. */
void dance_report_forgiven(SSL *ssl, struct dance_connection *connection);

/*
 * The client is refused: the reason, on the error queue and in the log.
 * Always false.
 */
bool dance_report_refuse(SSL *ssl, struct dance_connection *connection);

#endif
