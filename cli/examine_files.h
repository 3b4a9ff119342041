/*
 * examine_files.h: can the files be used that the sections name?
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_EXAMINE_FILES_H
#define DANCE_CLI_EXAMINE_FILES_H

#include "examination.h"
#include "trial.h"

/* Can the openssl.cnf itself be opened as user (NULL: whoever calls)? If not, it was said. */
bool examine_readable(struct examination *x, const struct trial_user *user);

/* After examine_sections(): each file of the sections that are good, as user. */
void examine_files(struct examination *x, const struct trial_user *user);

#endif
