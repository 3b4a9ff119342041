/*
 * verdict.h: the outcome of a client's verification.
 *
 * libssl does the matching; this gives the outcome its alert
 * (handshake_failure), its reason and its log line, and holds policy
 * require against the application's own callback.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_VERDICT_H
#define DANCE_VERDICT_H

#include <openssl/ssl.h>

/* cert_verify_callback of server-capable SSL_CTXs. */
int dance_verdict(X509_STORE_CTX *store_ctx, void *arg);

/*
 * A verify callback that changes nothing, in place of an application's that is
 * not to see a raw public key: it would look at a certificate where there is none.
 */
int dance_verdict_alone(int ok, X509_STORE_CTX *store_ctx);

/*
 * Verify the peer's chain once more, by ourselves, after the application's own
 * cert_verify_callback let it pass. 1 when DANE authenticates it.
 */
int dance_verdict_again(SSL *ssl);

#endif
