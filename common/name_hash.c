/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "name_hash.h"

#include <sys/random.h>

#define MERSENNE 0x7fffffffu

bool dance_hash_key_make(struct dance_hash_key *key)
{
    if (getrandom(key, sizeof(*key), GRND_NONBLOCK) != (ssize_t)sizeof(*key))
        return false;
    key->point = 1 + key->point % (MERSENNE - 1);
    key->factor = 1 + key->factor % (MERSENNE - 1);
    return true;
}

/*
 * A polynomial with the name as coefficients, at a random point modulo a prime:
 * for two names chosen without knowing the point, chances are at most 85 (the
 * coefficients of the longest name) in 2^31 that their values differ by any
 * given number. The factor spreads the value once more, so that what falls into
 * one bucket says nothing about the neighbours.
 */
uint32_t dance_name_hash(const struct dance_hash_key *key, const char *name, size_t len)
{
    uint64_t h = len;

    for (size_t i = 0; i < len; i += 3) {
        uint32_t three = 0;

        for (size_t j = i; j < i + 3 && j < len; j++)
            three = three << 8 | (unsigned char)name[j];
        h = (h * key->point + three) % MERSENNE;
    }
    return (uint32_t)(h * key->factor % MERSENNE);
}
