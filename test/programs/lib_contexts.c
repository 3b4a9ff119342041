/*
 * lib_contexts: library contexts that load and free the provider, and SSLs of
 * each kind that are duplicated and cleared, in one process. Behind each block
 * of libcrypto's memory lies a zone that nobody may write to. Prints "ok" if
 * nothing went wrong.
 *
 * With a server's certificate and key behind the configuration: library contexts
 * that are a thread's default, and what becomes of a client without certificate
 * at a server that asks nobody, which was made there.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "pair.h"

#include <openssl/core_names.h>
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

static const char *server_cert, *server_key;

/* lib_ctx: what the server's SSL_CTX is made for. */
static const char *try_client(OSSL_LIB_CTX *lib_ctx)
{
    SSL_CTX *server = SSL_CTX_new_ex(lib_ctx, NULL, TLS_method());
    SSL_CTX *client = SSL_CTX_new_ex(lib_ctx, NULL, TLS_client_method());
    const char *outcome = "no SSL_CTX";

    if (server != NULL && client != NULL) {
        outcome = "no handshake";
        if (SSL_CTX_use_certificate_chain_file(server, server_cert)
            && SSL_CTX_use_PrivateKey_file(server, server_key, SSL_FILETYPE_PEM)) {
            struct pair_outcome o = pair_connect(server, client);

            outcome = o.admitted ? "admitted" : o.possible ? "refused" : outcome;
        }
    }
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    ERR_clear_error();
    return outcome;
}

static int print_status(OSSL_PROVIDER *provider, void *name)
{
    OSSL_PARAM params[3];
    char *info = NULL;
    int status = -1;

    params[0] = OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, &info, 0);
    params[1] = OSSL_PARAM_construct_int(OSSL_PROV_PARAM_STATUS, &status);
    params[2] = OSSL_PARAM_construct_end();
    if (strcmp(OSSL_PROVIDER_get0_name(provider), "dance") == 0
        && OSSL_PROVIDER_get_params(provider, params))
        printf("%s: status %d, %s\n", (const char *)name, status, info);
    return 1;
}

static OSSL_LIB_CTX *new_context(const char *conf)
{
    OSSL_LIB_CTX *lib_ctx = OSSL_LIB_CTX_new();

    if (lib_ctx == NULL || !OSSL_LIB_CTX_load_config(lib_ctx, conf)) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    return lib_ctx;
}

static void try_defaults(const char *conf)
{
    char name[] = "of our own", taken[] = "of one with indexes";
    OSSL_LIB_CTX *own = new_context(conf), *same = new_context(conf),
                 *without = new_context("/dev/null");
    OSSL_LIB_CTX *full = OSSL_LIB_CTX_new();
    OSSL_LIB_CTX *global = OSSL_LIB_CTX_set0_default(own);

    printf("default, loads dance: %s\n", try_client(NULL));
    (void)OSSL_LIB_CTX_set0_default(same);
    printf("default, loads dance as well: %s\n", try_client(NULL));
    printf("not the default: %s\n", try_client(own));
    (void)OSSL_LIB_CTX_set0_default(global);
    printf("global default: %s\n", try_client(own));
    (void)OSSL_PROVIDER_do_all(own, print_status, name);
    (void)OSSL_LIB_CTX_set0_default(without);
    printf("for one that does, default does not: %s\n", try_client(own));
    printf("default, does not: %s\n", try_client(NULL));
    (void)OSSL_LIB_CTX_set0_default(full);
    for (int i = 0; i < 40; i++)
        (void)SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    (void)OSSL_LIB_CTX_load_config(full, conf);
    printf("default, has indexes: %s\n", try_client(NULL));
    (void)OSSL_PROVIDER_do_all(full, print_status, taken);
    (void)OSSL_LIB_CTX_set0_default(global);
    OSSL_LIB_CTX_free(own);
    OSSL_LIB_CTX_free(same);
    OSSL_LIB_CTX_free(without);
    OSSL_LIB_CTX_free(full);
}

int main(int argc, char *argv[])
{
    if (!CRYPTO_set_mem_functions(guarded_malloc, guarded_realloc, guarded_free))
        return 2;
    if (argc == 4) {
        server_cert = argv[2];
        server_key = argv[3];
        for (int i = 0; i < 2; i++)
            try_defaults(argv[1]);
    }
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
