/*
 * verdict.h: the outcome of a client's verification.
 *
 * libssl does the matching; this gives the outcome its alert
 * (handshake_failure), its reason and its log line, and holds policy
 * require against the application's own callback.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_VERDICT_H
#define DANCE_SERVER_VERDICT_H

#include "server/connection.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/* cert_verify_callback of server-capable SSL_CTXs. */
int dance_verdict(X509_STORE_CTX *store_ctx, void *arg);

/*
 * Put a verify callback that changes nothing in place of the application's, which
 * is not to see a raw public key: it would look at a certificate where there is
 * none. The second puts the application's back when the client has no raw key.
 */
void dance_verdict_displace(SSL *ssl, struct dance_connection *connection);
void dance_verdict_replace(SSL *ssl);

/*
 * Verify the peer's chain once more, by ourselves, after the application's own
 * cert_verify_callback let it pass. 1 when DANE authenticates it.
 */
int dance_verdict_again(SSL *ssl);

/*
 * What an acceptance means is done once the client has proved that it holds its
 * key (its Certificate comes before the proof), and before a ticket is made: the
 * log line, the session's mark, and each time its lifetime.
 */
void dance_verdict_settle(SSL *ssl);

#endif
