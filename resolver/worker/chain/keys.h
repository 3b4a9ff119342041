/*
 * keys.h: the keys of a zone, as a stranger sends them. Pure.
 *
 * A signature names its key by 16 bits (RFC 4034, appendix B). Keys that share
 * them are all tried, for each signature: KeyTrap. And what a key costs is in
 * the hands of whoever made it: RSA's modulus and exponent.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CHAIN_KEYS_H
#define DANCE_CHAIN_KEYS_H

#include <stddef.h>
#include <stdint.h>

#define KEYS_MAX 12u

/* Of one zone. */
struct keys {
    struct {
        unsigned algorithm;
        unsigned tag;
    } key[KEYS_MAX];
    size_t count;
};

/* What is wrong with the RDATA of a DNSKEY record (static), or NULL. */
const char *keys_fault(const uint8_t *rdata, size_t len);

/* Add one without fault: NULL, or what is wrong with them together (static). */
const char *keys_add(struct keys *keys, const uint8_t *rdata, size_t len);

#endif
