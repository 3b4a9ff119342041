/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/dns.h"

#include "log.h"
#include "worker/dns/anchor.h"
#include "worker/dns/complaints.h"
#include "worker/dns/cut.h"
#include "worker/dns/forward.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TYPE_A 1
#define CLASS_IN 1
#define FIRST_ANSWER_MS 10000

static struct ub_ctx *contexts[DNS_CONTEXTS];
/* From the root to the name by ourselves, with nothing that an operator told libunbound of the way.
 */
static bool own_way;
static char reason[512];

/* Say what is wrong: libunbound's own words if there are any, else detail. */
static int fail(const char **why, const char *what, const char *detail)
{
    char complaint[256];

    complaints_first(complaint, sizeof(complaint));
    (void)snprintf(reason, sizeof(reason), "%s: %s", what,
                   complaint[0] != '\0' ? complaint : detail);
    *why = reason;
    return 0;
}

/* Give libunbound a configuration that stands in memory. */
static int configure_text(struct ub_ctx *context, const char *text)
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

static void set_option(struct ub_ctx *context, const char *name, const char *value)
{
    int error = ub_ctx_set_option(context, name, value);

    /* An older or newer libunbound may lack one; none is needed for a right answer. */
    if (error != 0)
        dance_log(DANCE_LOG_DEBUG, "resolver: libunbound takes no %s %s: %s", name, value,
                  ub_strerror(error));
}

/*
 * How long at least to wait for an answer before asking again. libunbound goes
 * by how fast an address answers mostly, gives up after five times, and that
 * was 1.5 seconds: a name that takes 2 could never be found. A resolver that
 * we forward to is near, answers most names at once and has to look for some.
 */
#define PATIENCE_MS "400"
#define PATIENCE_FORWARDING_MS "2500"

/* What suits a server that asks for few names again and again. */
static void set_options(struct ub_ctx *context, unsigned sockets, bool forwarding)
{
    static const char *const settings[][2] = {
        {"module-config:", "validator iterator"},
        {"prefetch-key:", "yes"},
        {"aggressive-nsec:", "yes"},
        {"harden-dnssec-stripped:", "yes"},
        {"serve-expired:", "no"},
        /* No grace for signatures that have just expired (RFC 4035, section 5.3.1). */
        {"val-sig-skew-min:", "0"},
        {"val-sig-skew-max:", "0"},
        /* More than there are lookups, which are bounded by lookups.c, and what they depend on. */
        {"num-queries-per-thread:", "16384"},
        {"outgoing-num-tcp:", "32"},
        /* For zones and keys; what is asked for is kept by lookups.c. */
        {"msg-cache-size:", "4m"},
        {"rrset-cache-size:", "16m"},
        /* What was wrong or down a moment ago is tried again soon. */
        {"val-bogus-ttl:", "5"},
        {"infra-host-ttl:", "60"},
        {"infra-keep-probing:", "yes"},
        /* The names of a zone choose where we ask; they may not choose our own host's services. */
        {"do-not-query-localhost:", "yes"},
    };
    const char *patience = forwarding ? PATIENCE_FORWARDING_MS : PATIENCE_MS;
    char number[16];

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        set_option(context, settings[i][0], settings[i][1]);
    (void)snprintf(number, sizeof(number), "%u", sockets);
    set_option(context, "qname-minimisation:", own_way ? "no" : "yes"); /* see cut.h */
    set_option(context, "outgoing-range:", number);
    set_option(context, "infra-cache-min-rtt:", patience);
    set_option(context, "unknown-server-time-limit:", patience);
}

static int configure_forward(struct ub_ctx *context, const char *list, bool *tls, const char **why)
{
    char text[8192];
    const char *fault = NULL;
    int error;

    if (strcmp(list, "system") == 0) {
        /* Often a resolver on a loopback address. */
        set_option(context, "do-not-query-localhost:", "no");
        error = ub_ctx_resolvconf(context, NULL);
        return error == 0 || fail(why, "dns.forward: /etc/resolv.conf", ub_strerror(error));
    }
    if (!forward_to_config(list, text, sizeof(text), tls, &fault))
        return fail(why, "dns.forward", fault);
    error = configure_text(context, text);
    return error == 0 || fail(why, "dns.forward", ub_strerror(error));
}

static int configure(struct ub_ctx *context, const struct options *options, unsigned sockets,
                     bool *tls, const char **why)
{
    const char *fault = anchor_fault(options->trust_anchor);
    int error = 0;

    set_options(context, sockets, options->forward != NULL);
    if (fault != NULL)
        return fail(why, options->trust_anchor, fault);
    error = ub_ctx_add_ta_file(context, options->trust_anchor);
    if (error != 0)
        return fail(why, options->trust_anchor, ub_strerror(error));
    if (options->forward != NULL && !configure_forward(context, options->forward, tls, why))
        return 0;
    if (options->unbound_config != NULL) {
        /* Last, so that it can change everything. */
        error = ub_ctx_config(context, options->unbound_config);
        if (error != 0)
            return fail(why, options->unbound_config, ub_strerror(error));
    }
    return 1;
}

static void on_first_answer(void *arg, int error, struct ub_result *result)
{
    *(int *)arg = error;
    ub_resolve_free(result);
}

/* A name that libunbound answers itself makes it read its files and start its thread now. */
static int first_lookup(struct ub_ctx *context)
{
    int error = UB_PIPE;
    int id = 0;
    int started =
        ub_resolve_async(context, "localhost.", TYPE_A, CLASS_IN, &error, on_first_answer, &id);
    struct pollfd readable = {.fd = ub_fd(context), .events = POLLIN};

    if (started != 0)
        return started;
    /* Signals are blocked and read from a descriptor: none interrupts this. */
    (void)poll(&readable, 1, FIRST_ANSWER_MS);
    if (ub_process(context) != 0)
        return UB_PIPE;
    (void)ub_cancel(context, id); /* should it still be under way, error is about to go */
    return error;
}

static int open_one(int which, const struct options *options, unsigned sockets, FILE *complaints,
                    const char **why)
{
    static const char no_tls[] =
        "dns.forward: this libunbound cannot do DNS over TLS (Debian 12's is built without it)";
    struct ub_ctx *context = contexts[which] = ub_ctx_create();
    bool tls = false;
    int error;

    if (context == NULL)
        return fail(why, "libunbound", "cannot be set up");
    if (complaints != NULL)
        (void)ub_ctx_debugout(context, complaints);
    if (!configure(context, options, sockets, &tls, why))
        return 0;
    /* A thread of libunbound's, not a process: the cache is shared and nothing is forked. */
    (void)ub_ctx_async(context, 1);
    error = first_lookup(context);
    if (error == 0)
        return 1;
    (void)fail(why, "libunbound", ub_strerror(error));
    /* Whatever goes wrong while its thread is made ready, TLS too, is UB_NOMEM. */
    if (tls && error == UB_NOMEM)
        *why = no_tls;
    return 0;
}

int dns_open(const struct options *options, unsigned sockets, const char **why)
{
    FILE *complaints = complaints_open();

    own_way = options->forward == NULL && options->unbound_config == NULL;
    if (open_one(0, options, sockets, complaints, why)
        && open_one(1, options, sockets / 2 + 1, complaints, why))
        return 1;
    dns_close();
    return 0;
}

void dns_close(void)
{
    cut_close();
    for (int i = 0; i < DNS_CONTEXTS; i++) {
        if (contexts[i] != NULL)
            ub_ctx_delete(contexts[i]);
        contexts[i] = NULL;
    }
    complaints_close();
}

int dns_fd(int context)
{
    return contexts[context] != NULL ? ub_fd(contexts[context]) : -1;
}

int dns_process(int context)
{
    return ub_process(contexts[context]) == 0;
}

int dns_start(int context, const char *name, int type, void *arg, ub_callback_type callback,
              int *id)
{
    if (own_way)
        return cut_start(contexts[context], context, name, type, arg, callback, id);
    return ub_resolve_async(contexts[context], name, type, CLASS_IN, arg, callback, id);
}

void dns_cancel(int context, int id)
{
    if (!cut_cancel(contexts[context], context, id))
        (void)ub_cancel(contexts[context], id);
}
