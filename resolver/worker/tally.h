/*
 * tally.h: what the worker has done, put where the supervisor reads it (figures.h).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_TALLY_H
#define DANCE_TALLY_H

#include "figures.h"

void tally_open(struct figures *figures);

/* All that has changed since the last time. */
void tally_publish(void);

#endif
