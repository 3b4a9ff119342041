/*
 * extension.h: dane_clientid as a client sees it
 * (draft-ietf-dance-client-auth-13, section 8.1).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLIENT_EXTENSION_H
#define DANCE_CLIENT_EXTENSION_H

#include <openssl/ssl.h>

/*
 * A client's handshake begins: take back what an earlier connection of this SSL
 * was lent (SSL_clear()), and offer a raw public key (RFC 7250) in the
 * ClientHello if the configuration says so and the application has no
 * credential of its own, which would have to be sent as a key, too.
 */
void dance_client_start(SSL *ssl);

/* A client's handshake has failed because there is no signature with its key. */
void dance_client_does_not_sign(SSL *ssl);

/*
 * In a CertificateRequest: the server takes DANE clients. Where the application
 * has no credential of its own, ours is put on this SSL. 1, or 0 with *alert
 * when the extension is not the empty ClientName.
 */
int dance_client_parse_request(SSL *ssl, const unsigned char *data, size_t len, int *alert);

/*
 * On the client's first CertificateEntry, or beside its raw public key: the name,
 * if leaf (NULL beside a key without certificate) holds the key of the identity. 1 with *out to be
 * freed by OPENSSL_free(), 0 (no extension), or -1 with *alert.
 */
int dance_client_add_certificate(SSL *ssl, const unsigned char **out, size_t *out_len, X509 *leaf,
                                 size_t entry, int *alert);

#endif
