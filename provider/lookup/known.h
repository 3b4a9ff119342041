/*
 * known.h: what this process knows of names, until its time is up or it is flushed.
 *
 * What the DNS said stands under the name. What a client's chain came to (chain.h)
 * stands under the name and that chain, so that it answers for nobody who brings
 * another one, or none. A child begins with nothing.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_LOOKUP_KNOWN_H
#define DANCE_LOOKUP_KNOWN_H

#include "cache.h"
#include "dance_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dance_known;
struct dance_page;

/* This process's; NULL when out of memory: then nothing is kept. */
struct dance_known *dance_known_here(void);

/* What tells which generation an answer is of (page.h). */
struct dance_page *dance_known_page(struct dance_known *known);

#define DANCE_KNOWN_DIGEST 32u

/* Under what something is kept. */
struct dance_known_key {
    char octets[DANCE_WIRE_NAME_MAX + 1 + DANCE_KNOWN_DIGEST];
    size_t len; /* 0: nothing is kept under it */
    bool of_chain;
};

/* Of a name in lower case, and of what its client brought; chain may be NULL. */
struct dance_known_key dance_known_key_of(const char *name, size_t len, const uint8_t *chain,
                                          size_t chain_len);

/*
 * What is known, decoded into *answer, which points into it, with the TTL that is left. One
 * reference for the caller (dance_cached_free()), or NULL.
 */
struct dance_cached *dance_known_find(struct dance_known *known, const struct dance_known_key *key,
                                      const struct dance_moment *now,
                                      struct dance_wire_answer *answer);

/* Behind a message that is kept: the generation that it is of. */
#define DANCE_KNOWN_STAMP sizeof(uint64_t)

/* Keep the message, of len octets and room for a stamp, that was decoded into *answer. */
void dance_known_keep(struct dance_known *known, const struct dance_known_key *key,
                      uint8_t *message, size_t len, const struct dance_wire_answer *answer,
                      uint64_t generation, const struct dance_moment *since);

#endif
