/*
 * collect.h: the resolver is asked for the DNSSEC chain of a TLSA RRset (chain.h).
 *
 * Nobody waits for it here: who asked looks now and then whether it has come.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_LOOKUP_COLLECT_H
#define DANCE_LOOKUP_COLLECT_H

#include "dance_wire_chain.h"
#include "kept_fd.h"

#include <stddef.h>

enum dance_collect_state {
    DANCE_COLLECT_WAITS,
    DANCE_COLLECT_CAME, /* a chain, or why there is none */
    DANCE_COLLECT_LOST  /* the resolver has ended */
};

/*
 * Ask for the chain of a checked owner name (lower case), starting or reaching the resolver where
 * that was not done yet. The conversation on which it will come; its fd is -1, with the reason in
 * why, where the resolver cannot be had.
 */
struct dance_kept_fd dance_collect_send(const char *name, size_t len, char *why, size_t why_size);

/*
 * What became of it, without waiting; *asked is closed and none unless it waits still. Where it
 * came, *collected points into *message, which is to be freed by OPENSSL_free(); else that is NULL.
 */
enum dance_collect_state dance_collect_look(struct dance_kept_fd *asked, uint8_t **message,
                                            struct dance_wire_collected *collected, char *why,
                                            size_t why_size);

#endif
