/*
 * suggest.h: which key was meant by a misspelt one. Pure functions.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_SUGGEST_H
#define DANCE_CLI_SUGGEST_H

#include "keys.h"

/* How many letters are to be added, taken away, changed or swapped with the next; at most 99. */
unsigned suggest_distance(const char *a, const char *b);

/*
 * The key of the table that is at most two steps away (one, if the name has four letters or
 * fewer), the nearest, of this section before others. Case does not count. NULL: there is none.
 */
const struct dance_config_key *suggest_key(enum dance_section section, const char *name);

#endif
