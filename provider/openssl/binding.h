/*
 * binding.h: which OpenSSL our calls go to.
 *
 * A process may have several: an application on OpenSSL 3 that loads a module
 * linked with 4, one that carries an OpenSSL of its own, exported (Node.js) or
 * not, one that links libssl statically. What belongs to one of them must never
 * be handed to another. So nothing is hooked unless all our calls go to the
 * libcrypto that loads us and to one libssl, and no SSL_CTX or SSL is touched
 * that another libssl has made.
 *
 * Only addresses are compared: nothing here calls OpenSSL, or follows a pointer
 * that might be another's.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_OPENSSL_BINDING_H
#define DANCE_OPENSSL_BINDING_H

#include <openssl/core_dispatch.h>
#include <openssl/ssl.h>
#include <stdbool.h>

enum dance_binding {
    DANCE_BINDING_GOOD,
    DANCE_BINDING_OTHER, /* our calls go to another libcrypto than the one that loads us */
    DANCE_BINDING_MIXED  /* some of our calls go to one OpenSSL, some to another; or unknown */
};

/* How our calls and the core that this function belongs to stand to each other. */
enum dance_binding dance_binding_of(OSSL_FUNC_core_get_params_fn *of_core);

/*
 * Is this the method of an SSL_CTX that was made by the libssl that our calls go
 * to? The pointer may be garbage, read by our libssl from what another has made.
 * Only after dance_binding_of() has answered.
 */
bool dance_binding_owns(const SSL_METHOD *method);

/*
 * A function of that libssl or libcrypto which not every release has; NULL if it has not. Looked up
 * by name instead of linked with: then a module that was built with a new release does its work in
 * an application that carries an older one, and never calls into a third. Only after
 * dance_binding_of() has answered.
 */
void (*dance_binding_optional(const char *name))(void);

#endif
