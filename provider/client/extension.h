/*
 * extension.h: dane_clientid as a client sees it
 * (draft-ietf-dance-client-auth-13, section 8.1).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLIENT_EXTENSION_H
#define DANCE_CLIENT_EXTENSION_H

#include "server/gate.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/*
 * A moment of a client's handshake. As it begins a raw public key (RFC 7250) is offered in the
 * ClientHello, if the configuration says so and the application has no credential of its own, which
 * would have to be sent as a key, too. certificate: see gate.h.
 */
void dance_client_at(SSL *ssl, enum dance_client_moment moment, const X509 *certificate);

/* dane_clientid in a CertificateRequest: the server takes DANE clients, if it is the empty
 * ClientName. */
void dance_client_parse_request(SSL *ssl, const unsigned char *data, size_t len);

/* A client's handshake has failed because there is no signature with its key. */
void dance_client_does_not_sign(SSL *ssl);

/*
 * The client_cert_cb of each SSL_CTX that has none of the application's: libssl asks it behind the
 * application's cert_cb, and only where no certificate of the application's will do.
 */
int dance_client_lend(SSL *ssl, X509 **certificate, EVP_PKEY **key);

/* Will the name stand beside this first entry (leaf), or this raw public key (NULL)? */
bool dance_client_says_name(SSL *ssl, X509 *leaf);

/*
 * On the client's first CertificateEntry, or beside its raw public key (leaf is NULL then): the
 * name, if that is what was lent for this request, or the application's with the key of the
 * identity. 1 with *out to be freed by OPENSSL_free(), 0 (no extension), or -1 with *alert.
 */
int dance_client_add_certificate(SSL *ssl, const unsigned char **out, size_t *out_len, X509 *leaf,
                                 size_t entry, int *alert);

#endif
