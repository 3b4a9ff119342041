/*
 * context.h: a context of libunbound that knows the zones of one chain, and no network.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CHAIN_CONTEXT_H
#define DANCE_CHAIN_CONTEXT_H

#include "worker/chain/record.h"

#include <stdbool.h>
#include <unbound.h>

/* A trust anchor that a chain was found to have: a DS record as text. */
#define CONTEXT_ANCHORS_MAX 32u
#define CONTEXT_ANCHOR_MAX 2048u

struct context_anchors {
    size_t count;
    char record[CONTEXT_ANCHORS_MAX][CONTEXT_ANCHOR_MAX];
};

/*
 * Have the next context ready, and the last one freed: a good part of its time, for which nobody
 * need wait. false: there is none.
 */
bool context_prepare(void);

/*
 * Only the zones that are needed are there.
 *
 * Look a type up at a name (absolute, with the trailing dot) in the zones of records, with the
 * worker's trust anchors and these. 0 with *result, to be freed by ub_resolve_free(), or
 * libunbound's error.
 */
int context_resolve(const struct records *records, const struct context_anchors *anchors,
                    const char *name, int type, struct ub_result **result);

void context_close(void);

#endif
