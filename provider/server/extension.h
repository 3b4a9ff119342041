/*
 * extension.h: dane_clientid as a server sees it
 * (draft-ietf-dance-client-auth-13, section 8.2).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_EXTENSION_H
#define DANCE_SERVER_EXTENSION_H

#include <openssl/ssl.h>

/* In a CertificateRequest: the empty ClientName. 1, 0 (no extension) or -1 with *alert. */
int dance_server_add_request(SSL *ssl, const unsigned char **out, size_t *out_len, int *alert);

/*
 * On a CertificateEntry, or beside a raw public key (leaf is NULL): decode, check the name, and
 * claim it. 1, or 0 with *alert where the handshake ends at once; a name that is refused for what
 * it is, not for how it was sent, is refused by the verdict.
 */
int dance_server_parse_certificate(SSL *ssl, const unsigned char *data, size_t len, X509 *leaf,
                                   size_t entry, int *alert);

/* With a session ticket nothing is sent; -1 with *alert ends a handshake that must not pass. */
int dance_server_add_ticket(SSL *ssl, int *alert);

#endif
