/*
 * chain_extension.h: the extension with a client's DNSSEC chain (chain.h), as a server sees it.
 *
 * It is offered beside dane_clientid where server.chain says so, and taken from the
 * first CertificateEntry of the answer. It is registered before dane_clientid, so that
 * libssl has it parsed when the name comes, whose lookup it answers; whatever happens
 * next it is given up.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_CHAIN_EXTENSION_H
#define DANCE_SERVER_CHAIN_EXTENSION_H

#include <openssl/ssl.h>

/* The empty extension of a CertificateRequest: a chain is taken. 1 with *out, static; 0: it is not.
 */
int dance_server_offer_chain(const unsigned char **out, size_t *out_len);

/* What came with this CertificateEntry; 1, or 0 with *alert where the handshake is to end. */
int dance_server_parse_chain(SSL *ssl, const unsigned char *data, size_t len, size_t entry,
                             int *alert);

#endif
