/*
 * conf_value.h: a value is written so that OpenSSL reads it back. A pure function.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_CONF_VALUE_H
#define DANCE_CLI_CONF_VALUE_H

#include <openssl/bio.h>

/* What means something in a value of openssl.cnf (config(5)) is escaped. */
void conf_value_write(BIO *out, const char *value);

#endif
