/*
 * figures.h: what is counted of one user, in memory that supervisor and worker share.
 *
 * The supervisor makes it, and the workers of that user, one after the other, write
 * to it: so it outlives each of them, and can be read while one is stuck. Nobody
 * else has it. A worker that was taken over can write what it likes there; what is
 * read is numbers and a text of a bounded length.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_FIGURES_H
#define DANCE_FIGURES_H

#include "dance_wire_status.h"

struct figures;

/* All 0; NULL when out of memory. */
struct figures *figures_make(void);
void figures_free(struct figures *figures);

/* One of those that only grow, or one of the others. */
void figures_add(struct figures *figures, enum dance_figure figure, uint64_t more);
void figures_set(struct figures *figures, enum dance_figure figure, uint64_t value);

/* What a process says of its clients. */
void figures_count(struct figures *figures, const struct dance_wire_counts *counts);

/* How the worker is. fault: why it is broken; or NULL. */
void figures_state(struct figures *figures, enum dance_worker_state state, const char *fault);

/* The worker has ended: what goes up and down is 0. */
void figures_end(struct figures *figures);

/* All of it; the user's number, and since when, are the caller's. */
void figures_read(const struct figures *figures, struct dance_wire_status_of_user *out);

#endif
