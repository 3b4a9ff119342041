/*
 * kept_chain.h: the DNSSEC chain of our TLSA RRset (chain.h), kept for the process.
 *
 * It comes from the resolver, which is asked ahead, or from a file, which is read
 * again when it has changed. Nobody waits for it: what is there is sent.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLIENT_KEPT_CHAIN_H
#define DANCE_CLIENT_KEPT_CHAIN_H

#include <stddef.h>
#include <stdint.h>

struct dance_chain {
    _Atomic int references;
    int64_t from, until; /* when all its signatures hold, in seconds since 1970 */
    _Atomic int said;    /* that they do not, once */
    size_t len;
    uint8_t octets[];
};

/* See to it that there is one when it is needed: ask for it, look whether it has come. */
void dance_chain_open(void);

/*
 * The chain that may be sent now, one reference for the caller; NULL when there is none, or its
 * signatures do not hold.
 */
struct dance_chain *dance_chain_get(void);
void dance_chain_free(struct dance_chain *chain);

#endif
