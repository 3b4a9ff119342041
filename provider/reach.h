/*
 * reach.h: which library contexts dance reaches.
 *
 * libcrypto's ex_data indexes, and so what we reach, are those of the library
 * context that is the default of the thread that makes an SSL_CTX: mostly the
 * global one, or one that the application has made the default, and which loads
 * us by itself. An SSL_CTX that would not be seen is not made where somebody
 * could get in by that, and is said to be as without dance elsewhere.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_REACH_H
#define DANCE_REACH_H

#include "hook.h"

#include <openssl/crypto.h>
#include <stdatomic.h>

/* A library context that has loaded the module; once for each time that it does. */
struct dance_reach {
    struct dance_reach *next;
    OSSL_LIB_CTX *lib_ctx;               /* NULL: there was no memory to know it */
    _Atomic(enum dance_hook_state) hook; /* in it, unless it is the global one */
};

/* lib_ctx: as its core says. Stays where it is until dance_reach_remove(). */
void dance_reach_add(struct dance_reach *own, OSSL_LIB_CTX *lib_ctx);

/* Also of one that was never added. */
void dance_reach_remove(struct dance_reach *own);

/* How far we have come there. */
enum dance_hook_state dance_reach_state(const struct dance_reach *own);

/* With a configuration in force: reach it, if it is not yet, and the global one. */
enum dance_hook_state dance_reach(const struct dance_reach *own);

/* An SSL_CTX is about to be made there by this thread. 0: then it must not be. */
int dance_reach_new_ctx(const struct dance_reach *own);

#endif
