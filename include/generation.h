/*
 * generation.h: what is kept elsewhere is void, told without a message.
 *
 * A page of memory with a counter in it. Whoever made it counts up; others map
 * it for reading, take note of the counter when they ask for something, and do
 * not believe what they keep of that once the counter says something else. To
 * look costs a memory access. No two pages begin with the same number, so what
 * was noted under one is void under another.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_GENERATION_H
#define DANCE_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

typedef _Atomic uint64_t dance_generation_counter;

struct dance_generation {
    int fd; /* to be given to those who read; they cannot write to it, or make it shorter */
    dance_generation_counter *counter;
};

/* Make one; false when that is not possible, and g->fd is -1. */
bool dance_generation_make(struct dance_generation *g);
void dance_generation_free(struct dance_generation *g);

/* Everything that was noted before is void. To be called when what was kept is kept no longer. */
void dance_generation_bump(struct dance_generation *g);

/* Never 0. */
uint64_t dance_generation_now(const dance_generation_counter *counter);

/*
 * Map the page behind fd, which stays the caller's, for reading; NULL when it is no such page (or
 * may be made shorter under the reader). before: an earlier result whose place it takes at once,
 * for all threads, or NULL. Forked children have it, too.
 */
const dance_generation_counter *dance_generation_map(int fd,
                                                     const dance_generation_counter *before);

void dance_generation_unmap(const dance_generation_counter *counter);

#endif
