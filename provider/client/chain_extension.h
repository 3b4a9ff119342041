/*
 * chain_extension.h: the extension with our DNSSEC chain, as a client sees it.
 *
 * It is sent beside the name, and only to servers that offer to take it in this very
 * CertificateRequest. That there is none, or one that does not hold, is no reason not to go on.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLIENT_CHAIN_EXTENSION_H
#define DANCE_CLIENT_CHAIN_EXTENSION_H

#include <openssl/ssl.h>

/* The extension with len octets in a CertificateRequest: the empty one offers to take a chain. */
void dance_client_parse_chain_request(SSL *ssl, size_t len);

/* As dance_client_add_certificate(), before which it is called. */
int dance_client_add_chain(SSL *ssl, const unsigned char **out, size_t *out_len, X509 *leaf,
                           size_t entry, int *alert);

#endif
