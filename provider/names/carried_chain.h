/*
 * carried_chain.h: the DNSSEC chain (chain.h) that a certificate carries.
 *
 * For clients whose TLS stack sends a certificate and nothing of ours: where san_fallback takes
 * the name from the certificate, its chain may come from there too. The extension is that of the
 * implementations of Handshake's HIP-0017 for servers: two octets of a port, which means nothing
 * here and is 0, and the chain behind it, not critical. Pure.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_NAMES_CARRIED_CHAIN_H
#define DANCE_NAMES_CARRIED_CHAIN_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DANCE_CARRIED_CHAIN_OID "1.3.6.1.4.1.54392.5.1621"

/* The extension with a chain, to be freed by X509_EXTENSION_free(); NULL: out of memory. */
X509_EXTENSION *dance_carried_chain_make(const uint8_t *chain, size_t len);

/*
 * The chain in leaf, of *len octets, whatever these are worth, and be they none; they are leaf's.
 * false: it has no such extension, or more than one. Leaves the error queue as it was.
 */
bool dance_carried_chain(const X509 *leaf, const uint8_t **chain, size_t *len);

#endif
