/*
 * lib_contexts: library contexts that load and free the provider, and SSLs that
 * are duplicated and cleared, in one process. Prints "ok" if nothing went wrong.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <stdio.h>

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

int main(int argc, char *argv[])
{
    for (int i = 0; argc == 2 && i < 3; i++) {
        if (!load_and_free(argv[1]) || !use(TLS_method()) || !use(TLS_server_method())
            || !use(TLS_client_method()) || !use(DTLS_method())) {
            ERR_print_errors_fp(stderr);
            return 1;
        }
    }
    puts("ok");
    return 0;
}
