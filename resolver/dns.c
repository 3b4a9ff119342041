/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "dns.h"

#include "forward.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TYPE_TLSA 52
#define CLASS_IN 1

static struct ub_ctx *context;
static char reason[512];

static int fail(const char **why, const char *what, const char *detail)
{
    (void)snprintf(reason, sizeof(reason), "%s: %s", what, detail);
    *why = reason;
    return 0;
}

/* Give libunbound a configuration that stands in memory. */
static int configure_text(const char *text)
{
    char path[64];
    int fd = memfd_create("dance-resolver", MFD_CLOEXEC);
    int error = UB_READFILE;

    if (fd < 0)
        return error;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (write(fd, text, strlen(text)) == (ssize_t)strlen(text))
        error = ub_ctx_config(context, path);
    (void)close(fd);
    return error;
}

/* What suits a server that asks for few names again and again. An old libunbound may lack some. */
static void set_options(void)
{
    static const char *const settings[][2] = {
        {"module-config:", "validator iterator"},
        {"qname-minimisation:", "yes"},
        {"prefetch:", "yes"},
        {"prefetch-key:", "yes"},
        {"aggressive-nsec:", "yes"},
        {"harden-dnssec-stripped:", "yes"},
        {"serve-expired:", "no"},
        {"val-bogus-ttl:", "5"},
        {"num-queries-per-thread:", "4096"},
        {"outgoing-range:", "2048"},
        {"msg-cache-size:", "16m"},
        {"rrset-cache-size:", "32m"},
        {"infra-keep-probing:", "yes"},
        {"use-syslog:", "no"},
    };

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        int error = ub_ctx_set_option(context, settings[i][0], settings[i][1]);

        if (error != 0)
            dance_log(DANCE_LOG_DEBUG, "resolver: libunbound takes no %s %s: %s", settings[i][0],
                      settings[i][1], ub_strerror(error));
    }
}

static int configure(const struct options *options, const char **why)
{
    char text[8192];
    const char *fault;
    int error = 0;

    set_options();
    if (access(options->trust_anchor, R_OK) != 0)
        return fail(why, options->trust_anchor, strerror(errno));
    error = ub_ctx_add_ta_file(context, options->trust_anchor);
    if (error != 0)
        return fail(why, options->trust_anchor, ub_strerror(error));
    if (options->forward != NULL && strcmp(options->forward, "system") == 0) {
        error = ub_ctx_resolvconf(context, NULL);
    } else if (options->forward != NULL) {
        if (!forward_to_config(options->forward, text, sizeof(text), &fault))
            return fail(why, "dns.forward", fault);
        error = configure_text(text);
    }
    if (error != 0)
        return fail(why, "dns.forward", ub_strerror(error));
    if (options->unbound_config != NULL) {
        error = ub_ctx_config(context, options->unbound_config);
        if (error != 0)
            return fail(why, options->unbound_config, ub_strerror(error));
    }
    return 1;
}

int dns_open(const struct options *options, const char **why)
{
    struct ub_result *result = NULL;
    int error;

    context = ub_ctx_create();
    if (context == NULL)
        return fail(why, "libunbound", "cannot be set up");
    (void)ub_ctx_debuglevel(context, 0);
    if (configure(options, why)) {
        /* A thread of libunbound's, not a process: the cache is shared and nothing is forked. */
        (void)ub_ctx_async(context, 1);
        /* A name that libunbound answers itself makes it read its files now. */
        error = ub_resolve(context, "localhost.", 1, CLASS_IN, &result);
        ub_resolve_free(result);
        if (error == 0)
            return 1;
        (void)fail(why, options->trust_anchor, ub_strerror(error));
    }
    dns_close();
    return 0;
}

void dns_close(void)
{
    if (context != NULL)
        ub_ctx_delete(context);
    context = NULL;
}

int dns_fd(void)
{
    return context != NULL ? ub_fd(context) : -1;
}

int dns_process(void)
{
    return ub_process(context) == 0;
}

int dns_start(const char *name, void *arg, ub_callback_type callback, int *id)
{
    return ub_resolve_async(context, name, TYPE_TLSA, CLASS_IN, arg, callback, id);
}

void dns_cancel(int id)
{
    (void)ub_cancel(context, id);
}
