/*
 * flush.h: what was found is to be looked up again (dance flush, dance-resolver --flush).
 *
 * libunbound cannot forget a single name, so everything is forgotten: the worker
 * ends, the next one begins with nothing, and applications are told that what
 * they keep is void (generation.h).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_FLUSH_H
#define DANCE_FLUSH_H

#include "service.h"

#include <stdbool.h>

/* Who was told. */
struct dance_flushed {
    bool service;    /* the resolver that listens at the path, and has begun anew */
    unsigned others; /* how many that applications have started for themselves */
};

/*
 * Tell the resolver that listens at path, for our own user or, as root, for
 * everybody, and every resolver that an application has started for itself and
 * that we may signal. Waits up to ten seconds for the first.
 */
struct dance_flushed dance_flush(const char *path);

/* At least one was told; else program says on stderr that nobody was. */
bool dance_flush_say(struct dance_flushed flushed, const char *program, const char *path);

#endif
