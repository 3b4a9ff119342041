/*
 * gathered.h: the records of validated answers, as they stand in a chain. Pure.
 *
 * Of each answer are taken the RRsets that a chain may have and that are signed, with their
 * signatures: what was asked for, aliases on the way to it, and what denies a name of which a
 * wildcard speaks. Names are written out and in lower case. The TTL is the one that was signed: of
 * what a cache has counted down only it can be told how long it is good from now on, and whoever
 * validates a chain takes no other one.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_GATHERED_H
#define DANCE_GATHERED_H

#include "chain.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define GATHERED_NAME_MAX 255   /* octets of a name in wire format */
#define GATHERED_SIGNERS_MAX 24 /* zones that the records of a chain are signed by */

struct gathered_signer {
    uint8_t name[GATHERED_NAME_MAX]; /* wire format, lower case */
    size_t len;
};

struct gathered {
    uint8_t octets[DANCE_CHAIN_MAX]; /* the chain */
    size_t len;
    uint32_t ttl; /* the least that an answer's records had left */
    struct gathered_signer signer[GATHERED_SIGNERS_MAX];
    size_t signers;
};

/* No records yet. */
void gathered_begin(struct gathered *gathered);

/*
 * Take what a validated DNS message of len octets answers. type: what was asked for; at least one
 * such RRset must be there, signed, its signature good at now. false with *why (static), and
 * what was gathered is of no use any more.
 */
bool gathered_take(struct gathered *gathered, const void *message, int len, unsigned type,
                   time_t now, const char **why);

#endif
