/*
 * hook.h: how dance reaches every SSL_CTX.
 *
 * libcrypto calls whoever registered an SSL_CTX ex_data index each time an
 * SSL_CTX is made. There the custom extension and the callbacks of the roles
 * that are configured are put in place; an application that sets its own
 * callbacks afterwards replaces ours, which the design takes into account.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_HOOK_H
#define DANCE_HOOK_H

#include <openssl/crypto.h>
#include <stdbool.h>

enum dance_hook_state {
    DANCE_HOOK_NONE,
    DANCE_HOOK_HALF, /* some of the way: libcrypto had no memory for the rest */
    DANCE_HOOK_IN_PLACE,
    DANCE_HOOK_IMPOSSIBLE /* another application has the number of ours there */
};

/*
 * Reach every SSL_CTX that is made from now on by threads whose default library context is this
 * one. After dance_process_configure(); again where *state, of this library context, is not yet
 * "in place". Is it now?
 */
bool dance_hook_install(OSSL_LIB_CTX *where, enum dance_hook_state *state);

#endif
