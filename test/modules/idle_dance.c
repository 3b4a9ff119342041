/*
 * idle_dance.c: a provider that says what dance says when all is good, and does nothing.
 *
 * With it everybody is let in and nobody is told who a client is: a module that is loaded, and
 * answers well, is not known to work until a handshake shows it.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

OSSL_provider_init_fn OSSL_provider_init __attribute__((visibility("default")));

static const OSSL_PARAM *gettable_params(void *provctx)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_NAME, OSSL_PARAM_UTF8_PTR, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_BUILDINFO, OSSL_PARAM_UTF8_PTR, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_STATUS, OSSL_PARAM_INTEGER, NULL, 0), OSSL_PARAM_END};

    (void)provctx;
    return types;
}

static int get_params(void *provctx, OSSL_PARAM params[])
{
    OSSL_PARAM *name = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);
    OSSL_PARAM *info = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_BUILDINFO);
    OSSL_PARAM *status = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);

    (void)provctx;
    return (name == NULL || OSSL_PARAM_set_utf8_ptr(name, "DANE TLS client authentication"))
           && (info == NULL || OSSL_PARAM_set_utf8_ptr(info, "configuration is good"))
           && (status == NULL || OSSL_PARAM_set_int(status, 1));
}

static const OSSL_DISPATCH functions[] = {
    {OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))gettable_params},
    {OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))get_params},
    {0, NULL}};

int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                       const OSSL_DISPATCH **out, void **provctx)
{
    static int context;

    (void)handle;
    (void)in;
    *provctx = &context;
    *out = functions;
    return 1;
}
