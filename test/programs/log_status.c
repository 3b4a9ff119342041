/*
 * log_status: what the provider says of itself, before there is an SSL_CTX and when there is one.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "program.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <string.h>

static int say(OSSL_PROVIDER *provider, void *arg)
{
    char *info = NULL;
    int status = -1;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, &info, 0),
                           OSSL_PARAM_construct_int(OSSL_PROV_PARAM_STATUS, &status),
                           OSSL_PARAM_construct_end()};

    (void)arg;
    if (strcmp(OSSL_PROVIDER_get0_name(provider), "dance") == 0
        && OSSL_PROVIDER_get_params(provider, params))
        (void)printf("%d %s\n", status, info);
    return 1;
}

int main(void)
{
    SSL_CTX *ctx;

    if (!OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL) || !OSSL_PROVIDER_do_all(NULL, say, NULL))
        die("OpenSSL");
    ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL || !OSSL_PROVIDER_do_all(NULL, say, NULL))
        die("SSL_CTX_new");
    /* What is lost so is no error of whoever makes one. */
    if (ERR_peek_error() != 0)
        die("the error queue");
    SSL_CTX_free(ctx);
    return 0;
}
