/*
 * rollover_conf.h: does the key that is rolled over belong to this client?
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_ROLLOVER_CONF_H
#define DANCE_CLI_ROLLOVER_CONF_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Hold the client section of an openssl.cnf, if it has one, to the name (lower case) and the
 * absolute path of the key. *certificate: it names a certificate. false with why.
 */
bool rollover_conf_check(const char *path, const char *name, const char *key, bool *certificate,
                         char *why, size_t why_size);

#endif
