/*
 * lookups: what looking names up costs.
 *
 *     lookups module ANCHOR FORWARD RESOLVER NAME...   by the module's own code
 *     lookups bare ANCHOR FORWARD - NAME...            by libunbound in this process
 *
 * The first name is looked up as a preparation: what leads to it is known from
 * then on. Prints the microseconds of each of the others, one a line, and for
 * the module behind it the microseconds of the same name again. Names that are
 * not secure end the program with 1.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"
#include "lookup/ask.h"
#include "lookup/channel.h"
#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unbound.h>

static double now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static const char *get(void *from, const char *parameter)
{
    char **arguments = from;

    if (strcmp(parameter, "log") == 0)
        return "stderr";
    if (strcmp(parameter, "server.allow") == 0)
        return "*";
    if (strcmp(parameter, "dns.trust_anchor") == 0)
        return arguments[2];
    if (strcmp(parameter, "dns.forward") == 0)
        return arguments[3];
    if (strcmp(parameter, "dns.resolver") == 0)
        return arguments[4];
    return NULL;
}

static void check(int good, const char *name)
{
    if (good)
        return;
    fprintf(stderr, "lookups: %s is not secure\n", name);
    exit(1);
}

static double by_module(const char *name)
{
    struct dance_lookup *lookup = dance_lookup_new();
    double begin = now_us();
    int ok = dance_lookup_run(lookup, name, strlen(name), false);
    double took = now_us() - begin;

    if (!ok)
        fprintf(stderr, "%s\n", lookup->why);
    check(ok && lookup->answer.status == DANCE_WIRE_SECURE, name);
    dance_lookup_free(lookup);
    return took;
}

static double by_libunbound(struct ub_ctx *context, const char *name)
{
    struct ub_result *result = NULL;
    double begin = now_us();
    int error = ub_resolve(context, name, 52, 1, &result);
    double took = now_us() - begin;

    check(error == 0 && result->secure && result->havedata, name);
    ub_resolve_free(result);
    return took;
}

int main(int argc, char *argv[])
{
    int bare = argc > 5 && strcmp(argv[1], "bare") == 0;
    struct ub_ctx *context = NULL;
    double first, again;

    if (argc < 6)
        return 2;
    if (bare) {
        char address[64];

        (void)snprintf(address, sizeof(address), "%s", argv[3]);
        context = ub_ctx_create();
        if (context == NULL || ub_ctx_add_ta_file(context, argv[2]) != 0
            || ub_ctx_set_option(context, "do-not-query-localhost:", "no") != 0
            || ub_ctx_set_fwd(context, address) != 0)
            return 1;
        (void)by_libunbound(context, argv[5]);
    } else {
        dance_process_configure(dance_config_read(get, argv));
        dance_channel_open();
        /* With one argument only: what is measured is the first one of a fresh process. */
        if (argc > 6)
            (void)by_module(argv[5]);
    }
    for (int i = argc > 6 ? 6 : 5; i < argc; i++) {
        first = bare ? by_libunbound(context, argv[i]) : by_module(argv[i]);
        again = bare ? 0 : by_module(argv[i]);
        printf("%.2f %.2f\n", first, again);
    }
    if (context != NULL)
        ub_ctx_delete(context);
    return 0;
}
