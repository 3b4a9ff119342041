/*
 * records.h: give TLSA records to libssl, which matches them (RFC 6698, RFC 7671).
 *
 * The verdict is by the records of one authentication and no others. libssl
 * never gives back what an SSL was given, copies it in SSL_dup() and keeps it over
 * SSL_clear(), and the application may have added records of its own. So each
 * authentication has a holder, an SSL that goes nowhere and has its records alone.
 * The connection's own SSL is given them as well, because applications verify for
 * themselves by it (X509_verify_cert() in a cert_verify_callback).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_RECORDS_H
#define DANCE_SERVER_RECORDS_H

#include "dance_wire.h"
#include "server/connection.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/* Before the first handshake: make what holders are made of. */
void dance_records_open(void);

/* Is that ctx, or is it just being made? Then nothing is to be put into it. */
bool dance_records_own(const SSL_CTX *ctx);

/*
 * See to it that the authentication has a holder, with a record in it that nothing
 * can match: without others it authenticates nobody. 0 when libssl refuses. Leaves
 * the error queue as it was.
 */
int dance_records_hold(struct dance_connection *connection);

/*
 * Give the records whose usage is in the bits of usages; the connection's name is
 * the reference identity. The number of records that libssl took (0: none is
 * usable), or -1 when libssl fails. Leaves the error queue as it was.
 */
int dance_records_give(SSL *ssl, struct dance_connection *connection,
                       const struct dance_wire_answer *answer, unsigned usages);

/*
 * Make name the reference identity of usages 0 to 2: a dNSName, without
 * wildcards and without falling back on the CN (draft section 5). 1, or 0 when
 * out of memory.
 */
int dance_records_reference(X509_VERIFY_PARAM *param, const char *name);

/* A record of the holder matched, in a verification by it: true, and the record in
 * connection->record. */
bool dance_records_matched(struct dance_connection *connection);

#endif
