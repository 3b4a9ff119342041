/*
 * verdict.h: is the client whom it says it is?
 *
 * libssl verifies, by the records of this authentication alone (records.h). Where
 * the application left cert_verify_callback to us that is done in it, in the place
 * where applications expect it; everywhere else when the client proves its key
 * (gate.h). Either way the application's own verify callback is told, and may go
 * on with nobody where the policy lets it.
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
 * Stand before ssl's verify callback, from when a certificate is asked for: it is
 * not to see a raw public key (it would look at a certificate where there is none),
 * and what it says is seen wherever the verification is made.
 */
void dance_verdict_stand_before(SSL *ssl, struct dance_connection *connection);

/*
 * What the peer presented has been verified by the application, or by nobody: do
 * it now. The state says what came of it.
 */
void dance_verdict_now(SSL *ssl, struct dance_connection *connection);

/* Why a client was refused in a verification that went past us. */
void dance_verdict_explain(struct dance_connection *connection);

#endif
