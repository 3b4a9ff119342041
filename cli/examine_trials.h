/*
 * examine_trials.h: is the module loaded, and what does it say?
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_EXAMINE_TRIALS_H
#define DANCE_CLI_EXAMINE_TRIALS_H

#include "examination.h"
#include "trial.h"

#define MODULE_PATH_MAX 1024

/* What libcrypto opens for the module (provider_core.c); false: it is too long. */
bool module_path(const struct examination *x, char out[MODULE_PATH_MAX]);

/*
 * After examine_sections(). The module's file and then the whole openssl.cnf are loaded as user
 * (NULL: whoever calls). Where an earlier finding tells why it is not in force, nothing is added.
 */
void examine_trials(struct examination *x, const struct trial_user *user);

#endif
