/*
 * roles.h: what an SSL_CTX can be used for.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_ROLES_H
#define DANCE_ROLES_H

#include "config.h"

#include <openssl/ssl.h>
#include <stdbool.h>

struct dance_roles {
    bool client, server;
};

/* By an SSL_CTX of this method. What is not known to be for one of them alone can be both. */
struct dance_roles dance_roles_possible(const SSL_METHOD *method);

/* Of these, those that are configured. */
struct dance_roles dance_roles_configured(const SSL_METHOD *method,
                                          const struct dance_config *config);

#endif
