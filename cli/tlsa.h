/*
 * tlsa.h: the TLSA record of a key or certificate (RFC 6698, section 2.1).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_TLSA_H
#define DANCE_CLI_TLSA_H

#include "dance_wire.h"

#include <openssl/x509.h>
#include <stdbool.h>

#define TLSA_RDATA_MAX 65535u

struct tlsa_kind {
    uint8_t usage;         /* 0 to 3 */
    uint8_t selector;      /* 0: the certificate; 1: its public key */
    uint8_t matching_type; /* 0: all of it; 1: SHA2-256; 2: SHA2-512 */
};

/*
 * Make the record of certificate or, where that is NULL, of key. It is to be freed by
 * tlsa_free(). NULL, or why there is none (static).
 */
const char *tlsa_make(const struct tlsa_kind *kind, EVP_PKEY *key, const X509 *certificate,
                      struct dance_wire_record *record);

/* Does a record of usage 1 or 3 and selector 1 name this key? */
bool tlsa_fits(const struct dance_wire_record *record, EVP_PKEY *key);

/* Does nothing where rdata is NULL. */
void tlsa_free(struct dance_wire_record *record);

#endif
