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
#include "openssl/binding.h"
#include "openssl/compat.h"
#include "policy.h"
#include "process.h"
#include "reasons.h"
#include "store/loader.h"

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

/* The function of the core that initialises us which we use. */
struct core {
    const OSSL_CORE_HANDLE *handle;
    OSSL_FUNC_core_get_params_fn *get_params;
};

static struct core read_core(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in)
{
    struct core core = {.handle = handle};

    for (; in->function_id != 0; in++) {
        if (in->function_id == OSSL_FUNC_CORE_GET_PARAMS)
            core.get_params = OSSL_FUNC_core_get_params(in);
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

/* Why the module cannot work in this process; an empty text if it can. */
static void find_obstacle(struct core *core, char *text, size_t size)
{
    const char *version = get_parameter(core, OSSL_PROV_PARAM_CORE_VERSION);
    enum dance_binding binding = dance_binding_of(core->get_params);

    text[0] = '\0';
    if (binding == DANCE_BINDING_MIXED)
        (void)snprintf(text, size,
                       "in this process some functions of OpenSSL come from one copy of it, some "
                       "from another");
    else if (binding == DANCE_BINDING_OTHER || OPENSSL_version_major() != OPENSSL_VERSION_MAJOR)
        (void)snprintf(text, size,
                       "the application uses OpenSSL %s, dance.so is built for another one (%s)",
                       version != NULL ? version : "of unknown version", OPENSSL_VERSION_STR);
    else
        dance_compat_find();
}

static void describe(struct provider *p, const struct dance_config *config, const char *obstacle)
{
    static const char *const policies[] = {"mixed", "dane", "require"};
    const char *fault = first_fault(config);

    p->good = fault == NULL && obstacle[0] == '\0';
    if (obstacle[0] != '\0')
        (void)snprintf(p->build_info, sizeof(p->build_info),
                       "dance " DANCE_VERSION "; inactive: %s", obstacle);
    else if (fault != NULL)
        (void)snprintf(p->build_info, sizeof(p->build_info),
                       "dance " DANCE_VERSION "; configuration has a fault: %s", fault);
    else if (!any_role(config))
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

/* Guards the two below. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct dance_config *taken;
static bool obstacle_logged;

/*
 * Said at once, as no SSL_CTX will come by, and once. Another core of this
 * process may be the right one, now or later: its configuration stays.
 */
static void log_obstacle(const struct dance_config *config, const char *obstacle)
{
    (void)pthread_mutex_lock(&lock);
    if (!obstacle_logged && any_role(config)) {
        obstacle_logged = true;
        if (taken == NULL)
            dance_log_configure(config->log_target, config->log_file, config->log_level);
        dance_log(DANCE_LOG_ERROR, "inactive, nobody is authenticated by DANE: %s", obstacle);
        if (taken == NULL)
            dance_log_close();
    }
    (void)pthread_mutex_unlock(&lock);
}

/*
 * The first library context that configures anything sets the process's
 * configuration, for good: contexts made under it exist from then on.
 */
static int take_up(struct dance_config **config)
{
    static bool reasons_loaded;
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
    struct dance_config *config;
    char obstacle[256];
    int ok = 1;

    if (provider == NULL || core.get_params == NULL) {
        OPENSSL_free(provider);
        return 0;
    }
    find_obstacle(&core, obstacle, sizeof(obstacle));
    config = dance_config_read(get_parameter, &core);
    if (config == NULL) {
        OPENSSL_free(provider);
        return 0;
    }
    describe(provider, config, obstacle);
    if (obstacle[0] == '\0')
        ok = take_up(&config);
    else
        log_obstacle(config, obstacle);
    dance_config_free(config);
    if (!ok) {
        OPENSSL_free(provider);
        return 0;
    }
    provider->same = obstacle[0] == '\0';
    *provctx = provider;
    *out = functions;
    return 1;
}
