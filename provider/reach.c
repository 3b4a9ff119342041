/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "reach.h"

#include "log.h"
#include "process.h"
#include "reasons.h"

#include <pthread.h>

/* Guards the list, and registering. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct dance_reach *list;
static _Atomic(enum dance_hook_state) global_hook;

static bool is_global(const OSSL_LIB_CTX *lib_ctx)
{
    return lib_ctx == OSSL_LIB_CTX_get0_global_default();
}

enum dance_hook_state dance_reach_state(const struct dance_reach *own)
{
    enum dance_hook_state global = atomic_load(&global_hook);

    return global != DANCE_HOOK_IN_PLACE || is_global(own->lib_ctx) ? global
                                                                    : atomic_load(&own->hook);
}

/* With the lock held. */
static void install_global(void)
{
    enum dance_hook_state state = atomic_load(&global_hook);

    (void)dance_hook_install(OSSL_LIB_CTX_get0_global_default(), &state);
    atomic_store(&global_hook, state);
}

/* With the lock held. Those that are loaded in the same library context have one state. */
static void install_own(const struct dance_reach *own)
{
    enum dance_hook_state state = DANCE_HOOK_NONE;

    for (const struct dance_reach *p = list; p != NULL; p = p->next) {
        if (p->lib_ctx == own->lib_ctx && atomic_load(&p->hook) != DANCE_HOOK_NONE)
            state = atomic_load(&p->hook);
    }
    (void)dance_hook_install(own->lib_ctx, &state);
    for (struct dance_reach *p = list; p != NULL; p = p->next) {
        if (p->lib_ctx == own->lib_ctx)
            atomic_store(&p->hook, state);
    }
}

enum dance_hook_state dance_reach(const struct dance_reach *own)
{
    if (dance_reach_state(own) == DANCE_HOOK_IN_PLACE)
        return DANCE_HOOK_IN_PLACE;
    (void)pthread_mutex_lock(&lock);
    if (atomic_load(&global_hook) != DANCE_HOOK_IN_PLACE)
        install_global();
    if (own->lib_ctx != NULL && !is_global(own->lib_ctx)
        && atomic_load(&own->hook) != DANCE_HOOK_IN_PLACE)
        install_own(own);
    (void)pthread_mutex_unlock(&lock);
    return dance_reach_state(own);
}

void dance_reach_add(struct dance_reach *own, OSSL_LIB_CTX *lib_ctx)
{
    /* CONF_modules_load() leaves it open: then it is the one that is the default now. */
    own->lib_ctx = lib_ctx != NULL ? lib_ctx : OSSL_LIB_CTX_set0_default(NULL);
    (void)pthread_mutex_lock(&lock);
    own->next = list;
    list = own;
    (void)pthread_mutex_unlock(&lock);
}

void dance_reach_remove(struct dance_reach *own)
{
    struct dance_reach **at = &list;

    (void)pthread_mutex_lock(&lock);
    while (*at != NULL && *at != own)
        at = &(*at)->next;
    if (*at != NULL)
        *at = own->next;
    (void)pthread_mutex_unlock(&lock);
}

/* An SSL_CTX that this thread makes is seen: its default library context is one that we reached. */
static bool reaches_this_thread(const struct dance_reach *own)
{
    const OSSL_LIB_CTX *mine = OSSL_LIB_CTX_set0_default(NULL);
    bool found = mine == own->lib_ctx || is_global(mine);

    if (found)
        return true;
    (void)pthread_mutex_lock(&lock);
    for (const struct dance_reach *p = list; p != NULL && !found; p = p->next)
        found = p->lib_ctx == mine && atomic_load(&p->hook) == DANCE_HOOK_IN_PLACE;
    (void)pthread_mutex_unlock(&lock);
    return found;
}

static const char *const unreached[] = {
    [DANCE_HOOK_NONE] = "out of memory: libcrypto takes no ex_data index",
    [DANCE_HOOK_HALF] = "out of memory: libcrypto takes no ex_data index",
    [DANCE_HOOK_IN_PLACE] =
        "the default library context of the thread that makes it does not load dance",
    [DANCE_HOOK_IMPOSSIBLE] =
        "the application has taken dance's ex_data index in this library context"};

/* An SSL_CTX is about to be made that we do not see. 0: then it must not be. */
static int miss(enum dance_hook_state state)
{
    static atomic_bool logged[DANCE_HOOK_IMPOSSIBLE + 1];
    const struct dance_rules *rules = dance_rules();
    /* Memory may come back at the next call; everything else stays what it is. */
    bool stop = rules->level == DANCE_REQUIRE
                || (rules->active && (state == DANCE_HOOK_NONE || state == DANCE_HOOK_HALF));

    if (!atomic_exchange(&logged[state], true))
        dance_log(DANCE_LOG_ERROR, "%s: %s",
                  stop ? "no SSL_CTX can be made"
                       : "inactive for an SSL_CTX, nobody is authenticated by DANE there",
                  unreached[state]);
    if (stop)
        dance_raise(DANCE_R_UNREACHED, unreached[state]);
    return !stop;
}

int dance_reach_new_ctx(const struct dance_reach *own)
{
    enum dance_hook_state state;

    if (dance_config() == NULL)
        return 1;
    state = dance_reach(own);
    if (own->lib_ctx == NULL)
        return miss(DANCE_HOOK_NONE);
    return (state == DANCE_HOOK_IN_PLACE && reaches_this_thread(own)) || miss(state);
}
