/*
 * load.h: a private key and its certificate are read.
 *
 * Through OSSL_STORE, so from a file or any URI that a provider of the
 * application's knows. What runs then may be anybody's code (the library of an
 * HSM, which may make TLS connections itself), so nothing of ours may be held.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLIENT_LOAD_H
#define DANCE_CLIENT_LOAD_H

#include "config.h"
#include "stamp.h"

#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <stdbool.h>

struct dance_credential {
    EVP_PKEY *key;
    X509 *leaf;
    STACK_OF(X509) * chain; /* without the leaf; may be NULL */
    bool foreign;           /* the key is in somebody else's hands: an HSM's, a TPM's */
    /* The files as they were before they were read. */
    struct dance_file_stamp key_stamp;
    struct dance_file_stamp certificate_stamp;
    /* Of whoever keeps it, see credential.c. */
    _Atomic int references;
    const void *keeper;
    const OSSL_LIB_CTX *lib_ctx;
};

/*
 * Read what the client section names, to be freed by dance_load_free(). Never
 * asks anybody for a passphrase. NULL with the reason in why, which holds no
 * value of the configuration: there may be a PIN in it.
 */
struct dance_credential *dance_load(const struct dance_config *config, char *why, size_t why_size);

/*
 * Read the first private key (public_too: or public one) into *key and the certificates into
 * certificates, whichever is not NULL, from a file or URI. 1 when anything was found; 0 with the
 * error queue saying why. To be called between dance_quiet_begin() and dance_quiet_end().
 */
int dance_load_objects(const char *uri, EVP_PKEY **key, bool public_too,
                       STACK_OF(X509) * certificates);

/* keep_key: the key is not let go. */
void dance_load_free(struct dance_credential *loaded, bool keep_key);

/* Can the key be used, without anybody being asked anything? One signature, thrown away. */
bool dance_load_works(const struct dance_credential *loaded);

/* Do the files, where they can be seen, differ from what was read? */
bool dance_load_differs(const struct dance_credential *loaded, const struct dance_config *config);

/*
 * A self-signed certificate whose CN (where it fits) and only dNSName are
 * identity in lower case, which is all that servers take, in memory; NULL with the error queue
 * saying why. A DANE-EE record with selector SPKI(1) matches it (RFC 7671, section 5.1: nothing
 * else in it counts). more: an extension that it is to have besides, or NULL. To be freed by
 * X509_free().
 */
X509 *dance_credential_self_signed(EVP_PKEY *key, const char *identity, X509_EXTENSION *more);

#endif
