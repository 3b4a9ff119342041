/*
 * kept.h: what the DNS said of names, kept until its time is up, and the names
 * that were found lately, which are known for longer than their records.
 *
 * Names are lower case, without the trailing dot. Bounded; where there is no
 * memory, or no random key for the hash, nothing is kept.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_KEPT_H
#define DANCE_KEPT_H

#include "cache.h"
#include "dance_wire.h"

#include <stdbool.h>

void kept_open(void);
void kept_close(void);

/*
 * Keep an answer for its TTL, in place of the one before. Not a failure where
 * records are kept: what was found is good until its end, whatever prevents a
 * renewal. A name with records is known from now on, for a day.
 */
void kept_put(const char *name, size_t len, const struct dance_wire_answer *answer);

/*
 * What is kept of a name; NULL when there is nothing. The answer, with what is
 * left of its TTL and no id, refers to the result, which is to be given up by
 * dance_cached_free().
 */
struct dance_cached *kept_find(const char *name, size_t len, struct dance_wire_answer *answer);

/* Its records were found within a day, and it was not forgotten for others. */
bool kept_known(const char *name, size_t len);

unsigned long kept_names(void);

#endif
