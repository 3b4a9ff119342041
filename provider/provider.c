/*
 * provider.c: the entry point, OSSL_provider_init().
 *
 * As a provider dance offers one thing, the dane: store. It reads its
 * parameters, brings them in force, sees to it that each SSL_CTX of its library
 * context is reached, and answers for its name, version, build and status, so
 * that "openssl list -providers -verbose" shows what is in force.
 *
 * A provider whose init fails is left out without a word, and then everybody is
 * let in. So init does not fail for want of memory: what it could not do is done
 * at a later call, and until then a server's SSL_CTX is not made.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "client/credential.h"
#include "comment.h"
#include "config.h"
#include "force.h"
#include "log.h"
#include "openssl/binding.h"
#include "openssl/compat.h"
#include "process.h"
#include "reach.h"
#include "store/loader.h"

#include <openssl/conf.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define VERSION_TEXT "dance " DANCE_VERSION "; "

OSSL_provider_init_fn OSSL_provider_init __attribute__((visibility("default")));

/* One for each time that a library context loads the module. */
struct provider {
    bool same;                /* the core's libcrypto is the one we are linked with */
    struct dance_reach reach; /* if same */
    char trouble[1200];       /* why its configuration is not in force; may be empty */
};

/* Where there was no memory for one: no server's SSL_CTX is made in its library context. */
static struct provider without_memory = {.trouble = VERSION_TEXT
                                         "not in force: out of memory when it was loaded"};

/* The functions of the core that initialises us which we use. */
struct core {
    const OSSL_CORE_HANDLE *handle;
    OSSL_FUNC_core_get_params_fn *get_params;
    OSSL_FUNC_core_get_libctx_fn *get_lib_ctx;
};

static struct core read_core(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in)
{
    struct core core = {.handle = handle};

    for (; in->function_id != 0; in++) {
        if (in->function_id == OSSL_FUNC_CORE_GET_PARAMS)
            core.get_params = OSSL_FUNC_core_get_params(in);
        else if (in->function_id == OSSL_FUNC_CORE_GET_LIBCTX)
            core.get_lib_ctx = OSSL_FUNC_core_get_libctx(in);
    }
    return core;
}

/* Where a configuration comes from. */
struct source {
    struct core *core;
    bool looked; /* whether a comment took something from a value */
    char *cut;   /* that value, or NULL */
};

/* A parameter of the core; NULL where it is not set. */
static const char *get_parameter(const struct core *core, const char *name)
{
    char *value = NULL;
    OSSL_PARAM params[2];

    params[0] = OSSL_PARAM_construct_utf8_ptr(name, &value, 0);
    params[1] = OSSL_PARAM_construct_end();
    return core->get_params(core->handle, params) ? value : NULL;
}

/* Did a comment take something from it, in the file that a process reads that names no other? */
static bool was_cut(const char *key, const char *value)
{
    char *path = CONF_get1_default_config_file();
    bool cut = path != NULL && dance_comment_took(path, key, value);

    OPENSSL_free(path);
    return cut;
}

/* dance_config_get over the core's parameters. What is left of "192.0.2.53#name" keeps its '#'. */
static const char *get_written(void *from, const char *name)
{
    struct source *source = from;
    const char *value = get_parameter(source->core, name);
    size_t size;

    if (value == NULL || strcmp(name, "dns.forward") != 0)
        return value;
    if (!source->looked && was_cut("forward", value)) {
        size = strlen(value) + 2;
        source->cut = OPENSSL_malloc(size);
        if (source->cut == NULL)
            return ""; /* refused as well */
        (void)snprintf(source->cut, size, "%s#", value);
    }
    source->looked = true;
    return source->cut != NULL ? source->cut : value;
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
    else if (binding == DANCE_BINDING_OTHER && version != NULL
             && strcmp(version, OpenSSL_version(OPENSSL_VERSION_STRING)) == 0)
        (void)snprintf(text, size,
                       "the application uses a copy of OpenSSL %s, dance.so another copy of the "
                       "same version",
                       version);
    else if (binding == DANCE_BINDING_OTHER || OPENSSL_version_major() != OPENSSL_VERSION_MAJOR)
        (void)snprintf(text, size,
                       "the application uses OpenSSL %s, dance.so is built for another one (%s)",
                       version != NULL ? version : "of unknown version", OPENSSL_VERSION_STR);
    else
        dance_compat_find();
}

/*
 * Said at once, as no SSL_CTX will come by, and once. Another core of this
 * process may be the right one, now or later: its configuration stays.
 */
static void log_obstacle(struct core *core, const struct dance_config *config, const char *obstacle)
{
    static atomic_flag logged = ATOMIC_FLAG_INIT;
    struct dance_config unread = {0};
    char line[400];

    if (config == NULL) {
        /* There was no memory to read it, and none is needed for what counts here. */
        const char *value = get_parameter(core, "inactive");

        dance_config_close(&unread, NULL);
        unread.exit_if_inactive = value != NULL && strcmp(value, "open") != 0;
        config = &unread;
    }
    if (!dance_config_says_something(config) || atomic_flag_test_and_set(&logged))
        return;
    (void)snprintf(line, sizeof(line), "inactive, nobody is authenticated by DANE: %s", obstacle);
    dance_force_say(config, line);
    dance_process_inactive(config);
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

/*
 * What is in force, where the log cannot be written now; else NULL. The first reason that is seen
 * stays, as the text has to.
 */
static const char *info_without_log(const struct dance_force *force)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct {
        const struct dance_force *force;
        char text[1200];
    } made[DANCE_CONFIGURATIONS_MAX];
    size_t i = 0;
    char why[512];

    if (!dance_log_fails(why, sizeof(why)))
        return NULL;
    (void)pthread_mutex_lock(&lock);
    while (i + 1 < DANCE_CONFIGURATIONS_MAX && made[i].force != NULL && made[i].force != force)
        i++;
    if (made[i].force == NULL) {
        made[i].force = force;
        (void)snprintf(made[i].text, sizeof(made[i].text), "%.600s; lines for the log are lost: %s",
                       force->text, why);
    }
    (void)pthread_mutex_unlock(&lock);
    return made[i].text;
}

/* What is in force, or why not all of it is; good: everything. The text stays where it is. */
static const char *build_info(const struct provider *p, bool *good)
{
    const struct dance_force *force = dance_force_now();
    enum dance_hook_state hook;
    const char *info;

    *good = false;
    /* Where the core is another libcrypto there is always some, and nothing is asked of ours. */
    if (p->trouble[0] != '\0')
        return p->trouble;
    hook = dance_reach_state(&p->reach);
    if (force != NULL && hook == DANCE_HOOK_IMPOSSIBLE)
        return VERSION_TEXT "not in force in this library context: the application has taken "
                            "dance's ex_data index there";
    if (force != NULL && hook != DANCE_HOOK_IN_PLACE)
        return VERSION_TEXT "not in force: out of memory, libcrypto takes no ex_data index";
    if (force != NULL && (info = info_without_log(force)) != NULL)
        return info;
    *good = force == NULL || force->good;
    return force != NULL ? force->text : VERSION_TEXT "neither client nor server is configured";
}

/*
 * Of capabilities we have none. But libssl asks for them each time that an
 * SSL_CTX is made, before libcrypto lets us see it, and takes a 0 for an answer.
 */
static int get_capabilities(void *provctx, const char *capability, OSSL_CALLBACK *callback,
                            void *arg)
{
    const struct provider *p = provctx;

    (void)capability;
    (void)callback;
    (void)arg;
    return (p != &without_memory && !p->same) || dance_reach_new_ctx(&p->reach);
}

static int get_params(void *provctx, OSSL_PARAM params[])
{
    bool good;
    const char *info = build_info(provctx, &good);
    OSSL_PARAM *p;

    if ((p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME)) != NULL
        && !OSSL_PARAM_set_utf8_ptr(p, "DANE TLS client authentication"))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_VERSION)) != NULL
        && !OSSL_PARAM_set_utf8_ptr(p, DANCE_VERSION))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_BUILDINFO)) != NULL
        && !OSSL_PARAM_set_utf8_ptr(p, info))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS)) != NULL
        && !OSSL_PARAM_set_int(p, good))
        return 0;
    return 1;
}

static void teardown(void *provctx)
{
    struct provider *gone = provctx;

    if (gone == &without_memory)
        return;
    dance_reach_remove(&gone->reach);
    if (gone->same)
        dance_credential_drop(gone->reach.lib_ctx);
    OPENSSL_free(gone);
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
    {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))get_capabilities},
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query_operation},
    {0, NULL}};

/* The module cannot work here: it says so, and has no part in anything. */
static void stay_out(struct provider *p, struct core *core, struct dance_config *config,
                     const char *obstacle)
{
    log_obstacle(core, config, obstacle);
    dance_config_free(config);
    if (p == &without_memory)
        return;
    (void)snprintf(p->trouble, sizeof(p->trouble), VERSION_TEXT "inactive: %s", obstacle);
}

/*
 * libcrypto loads us also when it had no memory for a parameter, which may have
 * been "policy = require". All that it says is an error, the last on the queue.
 */
static bool parameters_were_lost(void)
{
    unsigned long error = ERR_peek_last_error();

    return ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE
           || (ERR_GET_LIB(error) == ERR_LIB_CRYPTO && ERR_GET_REASON(error) == ERR_R_CRYPTO_LIB);
}

/* config: NULL when there was no memory to read it. */
static void take_part(struct provider *p, const struct core *core, struct dance_config *config)
{
    char text[400];

    dance_force_take_up(config, parameters_were_lost(), text, sizeof(text));
    if (p != &without_memory) {
        p->same = true;
        if (text[0] != '\0')
            (void)snprintf(p->trouble, sizeof(p->trouble), VERSION_TEXT "not in force: %s", text);
        /* What looks like another type is the same one where the core is our own libcrypto. */
        dance_reach_add(&p->reach, (OSSL_LIB_CTX *)core->get_lib_ctx(core->handle));
    }
    if (dance_config() != NULL)
        (void)dance_reach(&p->reach);
}

int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                       const OSSL_DISPATCH **out, void **provctx)
{
    struct core core = read_core(handle, in);
    struct source source = {.core = &core};
    struct provider *provider;
    struct dance_config *config;
    char obstacle[256];

    if (core.get_params == NULL || core.get_lib_ctx == NULL)
        return 0;
    find_obstacle(&core, obstacle, sizeof(obstacle));
    provider = OPENSSL_zalloc(sizeof(*provider));
    if (provider == NULL)
        provider = &without_memory;
    config = dance_config_read(get_written, &source);
    OPENSSL_free(source.cut);
    if (obstacle[0] == '\0')
        take_part(provider, &core, config);
    else
        stay_out(provider, &core, config, obstacle);
    /* Here nobody must be kept from anything. */
    if (provider == &without_memory && obstacle[0] != '\0')
        return 0;
    *provctx = provider;
    *out = functions;
    return 1;
}
