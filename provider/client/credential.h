/*
 * credential.h: the client's private key and certificate.
 *
 * Read through OSSL_STORE when the first client-capable SSL_CTX is made, and
 * again when a file changes. Nothing here ever asks for a passphrase: a
 * terminal prompt in somebody else's process would be a stall.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLIENT_CREDENTIAL_H
#define DANCE_CLIENT_CREDENTIAL_H

#include <openssl/x509.h>

struct dance_credential {
    _Atomic int references;
    EVP_PKEY *key;
    X509 *leaf;
    STACK_OF(X509) * chain; /* without the leaf; may be NULL */
    struct credential_stamps *stamps;
};

struct dance_credential *dance_credential_up_ref(struct dance_credential *credential);
void dance_credential_free(struct dance_credential *credential);

/* Load now; says in the log why it cannot. */
void dance_credential_open(void);

/*
 * The credential of client.identity, one reference for the caller, to be freed
 * by dance_credential_free(); NULL when there is none that works. Leaves the
 * error queue as it was.
 */
struct dance_credential *dance_credential_get(void);

/*
 * A self-signed certificate whose CN (where it fits) and only dNSName are
 * identity in lower case, which is all that servers take, in memory; NULL with the error queue
 * saying why. A DANE-EE record with selector SPKI(1) matches it (RFC 7671, section 5.1: nothing
 * else in it counts). To be freed by X509_free().
 */
X509 *dance_credential_self_signed(EVP_PKEY *key, const char *identity);

#endif
