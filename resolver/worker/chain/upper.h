/*
 * upper.h: what stands above a zone, and was proved by an earlier chain.
 *
 * Chains of many clients have the same root, the same registry and often the same
 * zone. That a zone's DS records hold follows from the trust anchors and the
 * records above it alone, as long as all of their signatures do: the very same
 * records, signatures included, octet by octet, need not be proved again. A
 * chain with any difference in them is; one of whose signatures one has ended is
 * none (records.h).
 *
 * Of one process, for its trust anchors. Bounded: what was not used for longest goes.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_UPPER_H
#define DANCE_UPPER_H

#include "worker/chain/record.h"

#include <stdbool.h>
#include <stddef.h>

#define UPPER_MAX 64u /* zones */

/* Was it proved that the DS records of this zone hold, by what is above it in these records? */
bool upper_known(const struct records *records, size_t zone);

/* It was, just now. */
void upper_learn(const struct records *records, size_t zone);

void upper_forget(void);

#endif
