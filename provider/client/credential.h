/*
 * credential.h: who we are, kept for this process.
 *
 * Read when the first client-capable SSL_CTX is made, and again when a file
 * changes. Whoever asks takes what is there; one reads at a time, with no lock
 * held, because the library of an HSM may make TLS connections itself and so
 * come back to our hook from inside: then there is what was there before, or nothing.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLIENT_CREDENTIAL_H
#define DANCE_CLIENT_CREDENTIAL_H

#include "client/load.h"

#include <openssl/ssl.h>

struct dance_credential *dance_credential_up_ref(struct dance_credential *credential);
void dance_credential_free(struct dance_credential *credential);

/* An SSL_CTX is made: read it, unless somebody does; the log says why it cannot be read. */
void dance_credential_open(void);

/*
 * The credential of client.identity, one reference for the caller, to be freed
 * by dance_credential_free(); NULL when there is none that works. Where another
 * thread is reading the first one it is waited for, for a while. Leaves the
 * error queue as it was.
 */
struct dance_credential *dance_credential_get(void);

/*
 * libssl ends this client's handshake because there is no signature with its key:
 * the log has what the key's library says, without the data of it.
 */
void dance_credential_does_not_sign(const SSL *ssl);

/* This library context goes, and with it what was read with its providers. */
void dance_credential_drop(const OSSL_LIB_CTX *lib_ctx);

#endif
