/*
 * ignore.h: callbacks that do nothing, by which a test program takes libssl's
 * from whoever had set them, and one that verifies nobody.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef IGNORE_H
#define IGNORE_H

#include <openssl/ssl.h>

static inline void ignore_info(const SSL *ssl, int where, int ret)
{
    (void)ssl;
    (void)where;
    (void)ret;
}

static inline int ignore_hello(SSL *ssl, int *alert, void *arg)
{
    (void)ssl;
    (void)alert;
    (void)arg;
    return SSL_CLIENT_HELLO_SUCCESS;
}

static inline void ignore_message(int sent, int version, int type, const void *message, size_t len,
                                  SSL *ssl, void *arg)
{
    (void)sent;
    (void)version;
    (void)type;
    (void)message;
    (void)len;
    (void)ssl;
    (void)arg;
}

/* An application that verifies by itself, and badly: everybody is good. */
static inline int trust_everybody(X509_STORE_CTX *store_ctx, void *arg)
{
    (void)arg;
    X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
    return 1;
}

/* One that does what libssl would do. */
static inline int verify_as_libssl(X509_STORE_CTX *store_ctx, void *arg)
{
    (void)arg;
    return X509_verify_cert(store_ctx);
}

#endif
