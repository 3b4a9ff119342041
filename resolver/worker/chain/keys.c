/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/chain/keys.h"

#include <stdbool.h>

#define FIXED 4u /* octets of flags, protocol, algorithm (RFC 4034, section 2.1) */
#define MODULUS_MAX 512u
/* Of RSA; 65537 has three, and 2^32 + 1, which some zones have, five. */
#define EXPONENT_MAX 5u
/* Of what libunbound does not know, and so does not compute: ML-DSA's are 1312 and more. */
#define KEY_MAX 4096u

static bool is_rsa(unsigned algorithm)
{
    return algorithm == 1 || algorithm == 5 || algorithm == 7 || algorithm == 8 || algorithm == 10;
}

/* RFC 3110, section 2. */
static const char *rsa_fault(const uint8_t *key, size_t len)
{
    size_t exponent = key[0];
    size_t before = 1;

    if (exponent == 0 && len >= 3) {
        exponent = (size_t)key[1] << 8 | key[2];
        before = 3;
    }
    if (exponent == 0 || len <= before + exponent)
        return "a key is malformed";
    if (exponent > EXPONENT_MAX || len - before - exponent > MODULUS_MAX)
        return "a key is too large";
    return NULL;
}

const char *keys_fault(const uint8_t *rdata, size_t len)
{
    if (len <= FIXED)
        return "a key is malformed";
    if (is_rsa(rdata[3]))
        return rsa_fault(rdata + FIXED, len - FIXED);
    return len - FIXED <= KEY_MAX ? NULL : "a key is too large";
}

/* RFC 4034, appendix B. */
static unsigned tag_of(const uint8_t *rdata, size_t len)
{
    uint32_t sum = 0;

    if (rdata[3] == 1) /* RSA/MD5: the end of the modulus; it is known by no libunbound of today */
        return (unsigned)rdata[len - 3] << 8 | rdata[len - 2];
    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint32_t)rdata[i] << 8 : rdata[i];
    return (sum + (sum >> 16)) & 0xffffu;
}

const char *keys_add(struct keys *keys, const uint8_t *rdata, size_t len)
{
    unsigned tag = tag_of(rdata, len);

    if (keys->count == KEYS_MAX)
        return "a zone has too many keys";
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->key[i].algorithm == rdata[3] && keys->key[i].tag == tag)
            return "two keys of a zone have the same tag";
    }
    keys->key[keys->count].algorithm = rdata[3];
    keys->key[keys->count].tag = tag;
    keys->count++;
    return NULL;
}
