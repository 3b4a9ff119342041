/*
 * flush.h: dance-resolver --flush, what was found is to be looked up again.
 *
 * libunbound cannot forget a single name, so everything is forgotten: the worker
 * ends, the next one begins with nothing, and applications are told that what
 * they keep is void (generation.h).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_FLUSH_H
#define DANCE_FLUSH_H

/*
 * Tell the resolver that listens at path, for our own user or, as root, for
 * everybody, and every resolver that an application has started for itself and
 * that we may signal. The exit status: success when at least one was told.
 */
int flush(const char *path);

#endif
