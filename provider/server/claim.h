/*
 * claim.h: a client says who it is, and the DNS says by what it can prove that.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_CLAIM_H
#define DANCE_SERVER_CLAIM_H

#include "server/connection.h"

#include <openssl/x509.h>
#include <stdbool.h>

/*
 * The client of ssl says this checked name, with leaf for its certificate (NULL:
 * a raw public key). Allow list, certificate_names, lookup; the records are given
 * to the connection's holder. False where the handshake ends at once: it said
 * another name before, or something of ours failed. A name that is refused for
 * what it is stays DANCE_DENIED, for the verdict.
 */
bool dance_claim(SSL *ssl, struct dance_connection *connection, const char *name, size_t len,
                 const X509 *leaf);

/*
 * san_fallback: before the verification of a client that said no name, take it
 * from its certificate. Under mixed a client that has no record (by secure denial,
 * or in an unsigned zone) stays the application's own affair.
 */
void dance_claim_fallback(SSL *ssl, struct dance_connection *connection, const X509 *leaf);

#endif
