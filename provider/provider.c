/*
 * provider.c: the entry point, OSSL_provider_init().
 *
 * As a provider dance offers one thing, the dane: store. It reads its
 * parameters, installs the hook once per process, and answers for its name,
 * version, build and status, so that "openssl list -providers -verbose" shows
 * whether the configuration is good.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"
#include "hook.h"
#include "log.h"
#include "policy.h"
#include "process.h"
#include "reasons.h"
#include "store.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

OSSL_provider_init_fn OSSL_provider_init __attribute__((visibility("default")));

/* One for each library context that loads the provider. */
struct provider {
    int good;
    bool same; /* the core's libcrypto is the one we are linked with */
    char build_info[1024];
};

/* The functions of the core that initialises us. */
struct core {
    const OSSL_CORE_HANDLE *handle;
    OSSL_FUNC_core_get_params_fn *get_params;
    OSSL_FUNC_core_new_error_fn *new_error;
    OSSL_FUNC_core_vset_error_fn *vset_error;
};

static void core_set_error(const struct core *core, uint32_t reason, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    core->vset_error(core->handle, reason, format, args);
    va_end(args);
}

/*
 * Is the core's libcrypto the one that we are linked with? In a process with
 * two of them, hooks and contexts of the one would be given to the other. An
 * error that the core raises shows on our own queue only if they are the same.
 */
static bool same_libcrypto(const struct core *core)
{
    const uint32_t marker = 731;
    unsigned long error;

    if (core->new_error == NULL || core->vset_error == NULL)
        return false;
    ERR_set_mark();
    core->new_error(core->handle);
    core_set_error(core, marker, "%s", "dance looks whose queue this is");
    error = ERR_peek_last_error();
    ERR_pop_to_mark();
    return error != 0 && ERR_GET_REASON(error) == (int)marker;
}

static struct core read_core(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in)
{
    struct core core = {.handle = handle};

    for (; in->function_id != 0; in++) {
        if (in->function_id == OSSL_FUNC_CORE_GET_PARAMS)
            core.get_params = OSSL_FUNC_core_get_params(in);
        else if (in->function_id == OSSL_FUNC_CORE_NEW_ERROR)
            core.new_error = OSSL_FUNC_core_new_error(in);
        else if (in->function_id == OSSL_FUNC_CORE_VSET_ERROR)
            core.vset_error = OSSL_FUNC_core_vset_error(in);
    }
    return core;
}

/* dance_config_get over the core's parameters. */
static const char *get_parameter(void *from, const char *name)
{
    const struct core *core = from;
    char *value = NULL;
    OSSL_PARAM params[2];

    params[0] = OSSL_PARAM_construct_utf8_ptr(name, &value, 0);
    params[1] = OSSL_PARAM_construct_end();
    return core->get_params(core->handle, params) ? value : NULL;
}

static bool any_role(const struct dance_config *config)
{
    return config->present[DANCE_SECTION_CLIENT] || config->present[DANCE_SECTION_SERVER]
           || config->present[DANCE_SECTION_DNS] || config->fault[DANCE_SECTION_MODULE] != NULL;
}

static const char *first_fault(const struct dance_config *config)
{
    for (int s = 0; s < DANCE_SECTIONS; s++) {
        if (config->fault[s] != NULL)
            return config->fault[s];
    }
    return NULL;
}

static void describe(struct provider *p, const struct dance_config *config, bool same)
{
    static const char *const policies[] = {"mixed", "dane", "require"};
    const char *fault = config != NULL ? first_fault(config) : NULL;

    p->good = fault == NULL;
    if (!same)
        (void)snprintf(p->build_info, sizeof(p->build_info),
                       "dance " DANCE_VERSION "; inactive: linked with another libcrypto");
    else if (fault != NULL)
        (void)snprintf(p->build_info, sizeof(p->build_info),
                       "dance " DANCE_VERSION "; configuration has a fault: %s", fault);
    else if (config == NULL || !any_role(config))
        (void)snprintf(p->build_info, sizeof(p->build_info),
                       "dance " DANCE_VERSION "; neither client nor server is configured");
    else
        (void)snprintf(p->build_info, sizeof(p->build_info),
                       "dance " DANCE_VERSION "; configuration is good; client: %s; server: %s",
                       config->identity != NULL ? config->identity : "none",
                       config->present[DANCE_SECTION_SERVER] ? policies[config->policy] : "none");
}

static void raise_faults(const struct dance_config *config)
{
    for (int s = 0; s < DANCE_SECTIONS; s++) {
        if (config->fault[s] != NULL)
            dance_raise(DANCE_R_CONFIGURATION, config->fault[s]);
    }
}

/*
 * The first library context that configures anything sets the process's
 * configuration, for good: contexts made under it exist from then on.
 */
static int take_up(struct dance_config **config)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static bool reasons_loaded;
    static struct dance_config *taken;
    int ok = 1;

    (void)pthread_mutex_lock(&lock);
    if (!reasons_loaded) {
        dance_reasons_load();
        reasons_loaded = true;
    }
    if (any_role(*config))
        raise_faults(*config);
    if (taken == NULL && any_role(*config)) {
        dance_log_configure((*config)->log_target, (*config)->log_file, (*config)->log_level);
        dance_process_configure(*config);
        ok = dance_hook_install();
        if (ok) {
            taken = *config;
            *config = NULL;
        } else {
            dance_process_configure(NULL);
        }
    }
    (void)pthread_mutex_unlock(&lock);
    return ok;
}

static const OSSL_PARAM *gettable_params(void *provctx)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_NAME, OSSL_PARAM_UTF8_PTR, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_VERSION, OSSL_PARAM_UTF8_PTR, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_BUILDINFO, OSSL_PARAM_UTF8_PTR, NULL, 0),
        OSSL_PARAM_DEFN(OSSL_PROV_PARAM_STATUS, OSSL_PARAM_INTEGER, NULL, 0), OSSL_PARAM_END};

    (void)provctx;
    return types;
}

static int get_params(void *provctx, OSSL_PARAM params[])
{
    const struct provider *provider = provctx;
    OSSL_PARAM *p;

    if ((p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME)) != NULL
        && !OSSL_PARAM_set_utf8_ptr(p, "DANE TLS client authentication"))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_VERSION)) != NULL
        && !OSSL_PARAM_set_utf8_ptr(p, DANCE_VERSION))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_BUILDINFO)) != NULL
        && !OSSL_PARAM_set_utf8_ptr(p, provider->build_info))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS)) != NULL
        && !OSSL_PARAM_set_int(p, provider->good))
        return 0;
    return 1;
}

static void teardown(void *provctx)
{
    OPENSSL_free(provctx);
}

static const OSSL_ALGORITHM *query_operation(void *provctx, int operation, int *no_cache)
{
    const struct provider *provider = provctx;

    *no_cache = 0;
    return operation == OSSL_OP_STORE && provider->same ? dance_store_algorithms : NULL;
}

static const OSSL_DISPATCH functions[] = {
    {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown},
    {OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))gettable_params},
    {OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))get_params},
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query_operation},
    {0, NULL}};

int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                       const OSSL_DISPATCH **out, void **provctx)
{
    struct core core = read_core(handle, in);
    struct provider *provider = OPENSSL_zalloc(sizeof(*provider));
    struct dance_config *config = NULL;
    bool same;

    if (provider == NULL || core.get_params == NULL) {
        OPENSSL_free(provider);
        return 0;
    }
    same = same_libcrypto(&core);
    if (same) {
        config = dance_config_read(get_parameter, &core);
        if (config == NULL) {
            OPENSSL_free(provider);
            return 0;
        }
    }
    describe(provider, config, same);
    if (same && !take_up(&config)) {
        dance_config_free(config);
        OPENSSL_free(provider);
        return 0;
    }
    dance_config_free(config);
    provider->same = same;
    *provctx = provider;
    *out = functions;
    return 1;
}
