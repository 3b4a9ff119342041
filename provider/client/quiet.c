/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "client/quiet.h"

#include <openssl/ui.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

static _Thread_local bool quiet;

/* Stands before the default method while a key is read, for all threads; the others do not notice.
 */
static UI_METHOD *guard;
static _Atomic(const UI_METHOD *) behind;

/* The rest of this question is the other method's, as if it had been so from the beginning. */
static bool step_aside(UI *ui)
{
    const UI_METHOD *method = atomic_load(&behind);

    if (quiet || method == NULL)
        return false;
    (void)UI_set_method(ui, method);
    return true;
}

static int on_open(UI *ui)
{
    int (*open)(UI *);

    if (!step_aside(ui))
        return 0;
    open = UI_method_get_opener(atomic_load(&behind));
    return open != NULL ? open(ui) : 1;
}

static char *on_construct(UI *ui, const char *description, const char *name)
{
    return step_aside(ui) ? UI_construct_prompt(ui, description, name) : NULL;
}

static void make_guard(void)
{
    guard = UI_create_method("dance: no terminal");
    if (guard != NULL
        && (UI_method_set_opener(guard, on_open) != 0
            || UI_method_set_prompt_constructor(guard, on_construct) != 0)) {
        UI_destroy_method(guard);
        guard = NULL;
    }
}

void dance_quiet_begin(void)
{
    static pthread_once_t made = PTHREAD_ONCE_INIT;
    const UI_METHOD *method = UI_get_default_method();

    (void)pthread_once(&made, make_guard);
    quiet = true;
    if (guard == NULL || method == guard)
        return;
    atomic_store(&behind, method);
    UI_set_default_method(guard);
}

void dance_quiet_end(void)
{
    quiet = false;
    /* Somebody may have set another one meanwhile. */
    if (guard != NULL && UI_get_default_method() == guard)
        UI_set_default_method(atomic_load(&behind));
}
