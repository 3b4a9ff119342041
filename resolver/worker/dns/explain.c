/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/explain.h"

#include "worker/dns/classify.h"
#include "worker/dns/dns.h"
#include "worker/dns/insecure.h"

#include <stdbool.h>
#include <stdlib.h>

struct explain {
    struct insecure why;
    int context;
    int id; /* libunbound's */
    explain_done *done;
    void *arg;
};

static void on_result(void *arg, int error, struct ub_result *result);

/* Ask, or be done. false: done. */
static bool go_on(struct explain *e, bool more)
{
    if (more && dns_start(e->context, e->why.question, e->why.type, e, on_result, &e->id) == 0)
        return true;
    e->done(e->arg, more ? CLASSIFY_INSECURE : e->why.text);
    free(e);
    return false;
}

static void on_result(void *arg, int error, struct ub_result *result)
{
    struct explain *e = arg;
    struct insecure_facts facts;

    insecure_facts(&facts, error == 0 ? result : NULL);
    ub_resolve_free(result);
    (void)go_on(e, insecure_next(&e->why, &facts));
}

struct explain *explain_begin(int context, const char *name, const struct ub_result *result,
                              explain_done *done, void *arg)
{
    struct explain *e = calloc(1, sizeof(*e));
    struct insecure_facts facts;

    if (e == NULL) {
        done(arg, CLASSIFY_INSECURE);
        return NULL;
    }
    e->context = context;
    e->done = done;
    e->arg = arg;
    insecure_facts(&facts, result);
    return go_on(e, insecure_begin(&e->why, name, &facts)) ? e : NULL;
}

void explain_cancel(struct explain *explain)
{
    dns_cancel(explain->context, explain->id);
    free(explain);
}
