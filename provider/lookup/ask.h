/*
 * ask.h: one validated TLSA lookup, from this process's cache or by way of dance-resolver.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_LOOKUP_ASK_H
#define DANCE_LOOKUP_ASK_H

#include "dance_wire.h"

#include <stdbool.h>
#include <stddef.h>

struct dance_cached;

struct dance_lookup {
    struct dance_wire_answer answer; /* points into message or cached */
    char why[512];                   /* when status is not SECURE: the reason, for an operator */
    uint8_t *message;                /* what the resolver sent; NULL: nothing yet */
    struct dance_cached *cached;     /* what the cache had; NULL: nothing */
    uint64_t generation;             /* of the answers when this was asked; 0: not to be kept */
};

/*
 * Look up the TLSA RRset at a checked owner name (lower case), waiting no
 * longer than dns.timeout. 1 with answer.status and why set: what DNS said,
 * now or before; answer.ttl is for how long it may be believed from now on.
 * 0 with why set: the resolver could not be asked. To be freed by the caller
 * of dance_lookup_new().
 *
 * others_wait: other clients have to wait as long as this lookup does (QUIC: a
 * listener's lock is held). Then this process waits for one name at a time, for
 * dns.timeout in a row and a quarter of the time in the long run. A name whose
 * answer is not there by then is BUSY at once; the resolver goes on with it, so
 * that the answer is there when the client comes again.
 */
int dance_lookup_run(struct dance_lookup *lookup, const char *name, size_t len, bool others_wait);

/*
 * The same for a client who brought the chain of the RRset (chain.h), or none (NULL). What the DNS
 * said of the name goes first; with server.chain = only it is not asked. What a chain comes to is
 * kept for those who bring the same one. Where it decides, and does not hold, the answer is not
 * SECURE and its reason begins with DANCE_LOOKUP_OF_CHAIN.
 */
int dance_lookup_run_with_chain(struct dance_lookup *lookup, const char *name, size_t len,
                                const uint8_t *chain, size_t chain_len, bool others_wait);
#define DANCE_LOOKUP_OF_CHAIN "chain: "

struct dance_lookup *dance_lookup_new(void);
void dance_lookup_free(struct dance_lookup *lookup);

#endif
