/*
 * client_conf.h: the whole openssl.cnf of a client. A pure function.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_CLIENT_CONF_H
#define DANCE_CLI_CLIENT_CONF_H

/*
 * The file's text, to be freed with OPENSSL_free(). identity: a checked name; private_key: a file
 * or URI, escaped as openssl.cnf needs it. NULL with the reason (static) in *why where OpenSSL
 * would not read the very same values back.
 */
char *client_conf(const char *identity, const char *private_key, const char **why);

#endif
