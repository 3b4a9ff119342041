/*
 * decisions: what the module's decision costs a server, without the handshake around it.
 *
 * handshakes.c with the module linked in, and a clock in front of each of its
 * ways in: the moments of the security callback, the request for the extension,
 * the extension itself (name, allowed names, cache, records), the verification,
 * and the info callback. At the end it prints, behind what handshakes prints, one line:
 *
 *     US of one decision in the mean, reading the clock included
 *
 * For one thread. openssl.cnf activates "dance" without naming a module.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "server/enforce.h"
#include "server/extension.h"
#include "server/verdict.h"

#include <openssl/core.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define WARM 100 /* decisions that do not count, first contact among them */

static double spent; /* microseconds */
static long decisions;

static double now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* One way in may lead to another: the time of the outermost counts. */
static int depth;
static double begun;

static void enter(void)
{
    if (depth++ == 0)
        begun = now_us();
}

static void leave(bool counts)
{
    if (--depth == 0 && counts)
        spent += now_us() - begun;
}

/* The linker's --wrap makes calls of X arrive at __wrap_X, and those of __real_X at X. */
#define WRAPPED(type, name, ...)                                                                   \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

#define WRAPPED_MOMENT(name)                                                                       \
    WRAPPED(bool, name, SSL *ssl)                                                                  \
    {                                                                                              \
        bool rv;                                                                                   \
                                                                                                   \
        enter();                                                                                   \
        rv = __real_##name(ssl);                                                                   \
        leave(true);                                                                               \
        return rv;                                                                                 \
    }

WRAPPED_MOMENT(dance_enforce_begin)
WRAPPED_MOMENT(dance_enforce_hello)
WRAPPED_MOMENT(dance_enforce_ask)
WRAPPED_MOMENT(dance_enforce_asked)
WRAPPED_MOMENT(dance_enforce_proof)
WRAPPED_MOMENT(dance_enforce_end)

WRAPPED(int, dance_server_add_request, SSL *ssl, const unsigned char **out, size_t *out_len,
        int *alert)
{
    int rv;

    enter();
    rv = __real_dance_server_add_request(ssl, out, out_len, alert);
    leave(true);
    return rv;
}

WRAPPED(int, dance_server_parse_certificate, SSL *ssl, const unsigned char *data, size_t len,
        X509 *leaf, size_t entry, int *alert)
{
    int rv;

    enter();
    rv = __real_dance_server_parse_certificate(ssl, data, len, leaf, entry, alert);
    leave(true);
    return rv;
}

WRAPPED(int, dance_verdict, X509_STORE_CTX *store_ctx, void *arg)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    bool counts = SSL_is_server(ssl);
    int rv;

    enter();
    rv = __real_dance_verdict(store_ctx, arg);
    leave(counts);
    if (counts && ++decisions == WARM)
        spent = 0;
    return rv;
}

typedef void info_callback(const SSL *ssl, int where, int ret);

static info_callback *modules_own;

static void on_info(const SSL *ssl, int where, int ret)
{
    enter();
    modules_own(ssl, where, ret);
    leave(SSL_is_server(ssl));
}

WRAPPED(void, SSL_set_info_callback, SSL *ssl, info_callback *callback)
{
    modules_own = callback;
    __real_SSL_set_info_callback(ssl, on_info);
}

WRAPPED(void, SSL_CTX_set_info_callback, SSL_CTX *ctx, info_callback *callback)
{
    modules_own = callback;
    __real_SSL_CTX_set_info_callback(ctx, on_info);
}

/* The module asks whether its own is still there. */
static info_callback *seen(info_callback *callback)
{
    return callback == on_info ? modules_own : callback;
}

WRAPPED(info_callback *, SSL_get_info_callback, const SSL *ssl)
{
    return seen(__real_SSL_get_info_callback(ssl));
}

WRAPPED(info_callback *, SSL_CTX_get_info_callback, SSL_CTX *ctx)
{
    return seen(__real_SSL_CTX_get_info_callback(ctx));
}

extern OSSL_provider_init_fn OSSL_provider_init;

/* Before libcrypto reads its configuration. */
__attribute__((constructor)) static void add_module(void)
{
    (void)OSSL_PROVIDER_add_builtin(NULL, "dance", OSSL_provider_init);
}

__attribute__((destructor)) static void print(void)
{
    if (decisions > WARM)
        printf("%.2f\n", spent / (double)(decisions - WARM));
}
