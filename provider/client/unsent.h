/*
 * unsent.h: why a server is not told who we are, in the log.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLIENT_UNSENT_H
#define DANCE_CLIENT_UNSENT_H

#include <openssl/ssl.h>

enum dance_unsent {
    DANCE_UNSENT_SERVER,      /* client.servers does not name it */
    DANCE_UNSENT_APPLICATION, /* the application's own credential holds another key */
    DANCE_UNSENT_KEY          /* libssl does not use our key for what this server takes */
};

/* What the log calls the server. */
const char *dance_client_server(const SSL *ssl);

/* A line for this server's request. */
void dance_unsent(const SSL *ssl, enum dance_unsent why);

#endif
