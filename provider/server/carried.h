/*
 * carried.h: the DNSSEC chain (chain.h) that a certificate carries, for clients that
 * cannot send the extension of TLS. Pure.
 *
 * The octets are the value of an X.509 extension (Handshake's HIP-0017 has it, too).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_CARRIED_H
#define DANCE_SERVER_CARRIED_H

#include <openssl/x509.h>

/* The extension's value, which is the certificate's; NULL where it has none, or several. */
const ASN1_OCTET_STRING *dance_carried_chain(const X509 *certificate);

#endif
