/*
 * records.h: give TLSA records to libssl, which matches them (RFC 6698, RFC 7671).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_RECORDS_H
#define DANCE_SERVER_RECORDS_H

#include "dance_wire.h"
#include "server/connection.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/*
 * Enable DANE on a server's SSL with a record that nothing can match, so that
 * the peer fails in libssl itself whatever callbacks the application has. To
 * do so again is harmless. DANE that the application enabled stays, with the
 * record added. 1, or 0 when libssl refuses. Leaves the error queue as it was.
 */
int dance_tlsa_arm(SSL *ssl);

/*
 * Make name the reference identity of usages 0 to 2: a dNSName, without
 * wildcards and without falling back on the CN (draft section 5). 1, or 0 when
 * out of memory.
 */
int dance_tlsa_reference(X509_VERIFY_PARAM *param, const char *name);

/*
 * The SSL whose DANE the records of the authentication that goes on belong to,
 * armed: ssl itself, or where it holds those of an earlier one, which libssl
 * does not give back, another made for this one and freed with it. NULL when
 * libssl refuses. Leaves the error queue as it was.
 */
SSL *dance_tlsa_holder(SSL *ssl, struct dance_connection *connection);

/*
 * Give the holder the records whose usage is in the bits of usages; the
 * connection's name becomes the reference identity of ssl's verifications. The
 * number of records that libssl took (0: none is usable), or -1 when libssl
 * fails. Leaves the error queue as it was.
 */
int dance_tlsa_give(SSL *ssl, struct dance_connection *connection,
                    const struct dance_wire_answer *answer, unsigned usages);

/*
 * The peer matched a record of the authentication that goes on, and libssl
 * verified it: true, and the record in connection->record.
 */
bool dance_tlsa_matched(SSL *ssl, struct dance_connection *connection);

#endif
