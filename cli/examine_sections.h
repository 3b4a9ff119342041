/*
 * examine_sections.h: what is wrong with the keys of the module's own sections.
 *
 * OpenSSL asks a provider's section only for the keys that the provider names, so
 * nobody but this command sees a misspelt one. What a value may be the module's
 * own code says.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_EXAMINE_SECTIONS_H
#define DANCE_CLI_EXAMINE_SECTIONS_H

#include "examination.h"

/* After examine_file(). true: x->config is what the module would make of it. */
bool examine_sections(struct examination *x);

#endif
