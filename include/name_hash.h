/*
 * name_hash.h: a hash of names that whoever chooses the names cannot foresee. Pure.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_NAME_HASH_H
#define DANCE_NAME_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dance_hash_key {
    uint32_t point;
    uint32_t factor;
};

/* A random key; false where none can be had without waiting. */
bool dance_hash_key_make(struct dance_hash_key *key);

/* The hash, from 0 to 2^31 - 2; the letters' case counts. */
uint32_t dance_name_hash(const struct dance_hash_key *key, const char *name, size_t len);

#endif
