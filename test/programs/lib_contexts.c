/*
 * lib_contexts: library contexts that load and free the provider, and SSLs of
 * each kind that are duplicated and cleared, in one process. Behind each block
 * of libcrypto's memory lies a zone that nobody may write to. Prints "ok" if
 * nothing went wrong.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if !defined(OPENSSL_NO_QUIC) && OPENSSL_VERSION_NUMBER >= 0x30200000L
#include <openssl/quic.h>
#define HAVE_QUIC
#endif

#define ZONE 8192 /* more than the largest object of libssl, whose parts might be written to */
#define HEAD 64   /* keeps the alignment, holds the size */

static void check_zone(const unsigned char *block, size_t size)
{
    for (size_t i = 0; i < ZONE; i++) {
        if (block[size + i] != 0xa5) {
            fprintf(stderr, "written %zu octets behind a block of %zu\n", i, size);
            abort();
        }
    }
}

static void *guarded_realloc(void *old, size_t size, const char *file, int line)
{
    unsigned char *head;
    size_t old_size = 0;

    (void)file;
    (void)line;
    if (old != NULL) {
        memcpy(&old_size, (unsigned char *)old - HEAD, sizeof(old_size));
        check_zone(old, old_size);
    }
    head = malloc(HEAD + size + ZONE);
    if (head == NULL)
        return NULL;
    memcpy(head, &size, sizeof(size));
    memset(head + HEAD + size, 0xa5, ZONE);
    if (old != NULL) {
        memcpy(head + HEAD, old, old_size < size ? old_size : size);
        free((unsigned char *)old - HEAD);
    }
    return head + HEAD;
}

static void *guarded_malloc(size_t size, const char *file, int line)
{
    return guarded_realloc(NULL, size, file, line);
}

static void guarded_free(void *block, const char *file, int line)
{
    size_t size;

    (void)file;
    (void)line;
    if (block == NULL)
        return;
    memcpy(&size, (unsigned char *)block - HEAD, sizeof(size));
    check_zone(block, size);
    free((unsigned char *)block - HEAD);
}

static int load_and_free(const char *conf)
{
    OSSL_LIB_CTX *private = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *provider;
    int ok = private != NULL && OSSL_LIB_CTX_load_config(private, conf)
             && (provider = OSSL_PROVIDER_load(private, "dance")) != NULL
             && OSSL_PROVIDER_unload(provider);

    OSSL_LIB_CTX_free(private);
    return ok;
}

static int use(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    SSL *ssl = ctx != NULL ? SSL_new(ctx) : NULL;
    SSL *dup = ssl != NULL ? SSL_dup(ssl) : NULL;
    int ok = dup != NULL && SSL_clear(ssl) && ERR_peek_error() == 0;

    SSL_free(dup);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return ok;
}

#ifdef HAVE_QUIC
static int use_quic(void)
{
    SSL_CTX *ctx = SSL_CTX_new(OSSL_QUIC_client_method());
    SSL *ssl = ctx != NULL ? SSL_new(ctx) : NULL;
    int ok = ssl != NULL && ERR_peek_error() == 0;

    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return ok;
}
#else
static int use_quic(void)
{
    return 1;
}
#endif

int main(int argc, char *argv[])
{
    if (!CRYPTO_set_mem_functions(guarded_malloc, guarded_realloc, guarded_free))
        return 2;
    for (int i = 0; argc == 2 && i < 3; i++) {
        if (!load_and_free(argv[1]) || !use(TLS_method()) || !use(TLS_server_method())
            || !use(TLS_client_method()) || !use(DTLS_method()) || !use_quic()) {
            ERR_print_errors_fp(stderr);
            return 1;
        }
    }
    puts("ok");
    return 0;
}
