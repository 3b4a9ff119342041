/*
 * examine.h: the way from an openssl.cnf to the module.
 *
 * OpenSSL says nothing where it leaves a file, a section or a module out. So the
 * way is gone here as libcrypto goes it (config(5)), and each place at which it
 * may end without a word has a finding of its own.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_EXAMINE_H
#define DANCE_CLI_EXAMINE_H

#include "examination.h"

/* true: the module's section was found, whatever else there is to say. */
bool examine_file(struct examination *x);

#endif
