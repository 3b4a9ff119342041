/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/dns.h"

#include "log.h"
#include "worker/dns/complaints.h"
#include "worker/dns/cut.h"
#include "worker/dns/relay.h"
#include "worker/dns/settings.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>

#define TYPE_A 1
#define CLASS_IN 1
#define FIRST_ANSWER_MS 10000
#define NO_ANSWER (-999) /* none of libunbound's errors */
/* libunbound ends when what it validates at the moment is done. */
#define CLOSE_MS 2000

static struct relay *relays[DNS_CONTEXTS];
static bool own_way; /* see settings.h */
static bool stuck;   /* a context does not answer: it is left to the end of the process */

static void on_first_answer(void *arg, int error, struct ub_result *result)
{
    *(int *)arg = error;
    ub_resolve_free(result);
}

/*
 * A name that libunbound answers itself makes it read its files and start its thread now. Where no
 * thread can be made it goes on all the same: NO_ANSWER, and what is no thread is not to be ended.
 */
static int first_lookup(struct ub_ctx *context)
{
    int error = NO_ANSWER;
    int id = 0;
    int started = ub_resolve_async(context, SETTINGS_OWN_NAME, TYPE_A, CLASS_IN, &error,
                                   on_first_answer, &id);
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

/* true: the context is ready for lookups. */
static bool make_ready(struct ub_ctx *context, const struct options *options, unsigned sockets,
                       const char **why)
{
    static const char no_tls[] =
        "dns.forward: this libunbound cannot do DNS over TLS (Debian 12's is built without it)";
    bool tls = false;
    int error;

    /* A thread of libunbound's, not a process: the cache is shared and nothing is forked. */
    (void)ub_ctx_async(context, 1);
    if (!settings_apply(context, options, sockets, &tls, why))
        return false;
    error = first_lookup(context);
    if (error == 0)
        return true;
    stuck = error == NO_ANSWER;
    *why = stuck ? "libunbound: its thread does not answer"
                 : settings_fault("libunbound", ub_strerror(error));
    /* Whatever goes wrong while its thread is made ready, TLS too, is UB_NOMEM. */
    if (tls && error == UB_NOMEM)
        *why = no_tls;
    return false;
}

static bool open_one(int which, const struct options *options, unsigned sockets, FILE *complaints,
                     const char **why)
{
    struct ub_ctx *context = ub_ctx_create();

    if (context == NULL) {
        *why = settings_fault("libunbound", "cannot be set up");
        return false;
    }
    if (complaints != NULL)
        (void)ub_ctx_debugout(context, complaints);
    if (!make_ready(context, options, sockets, why)) {
        if (!stuck)
            ub_ctx_delete(context);
        return false;
    }
    relays[which] = relay_open(context);
    if (relays[which] != NULL)
        return true;
    ub_ctx_delete(context);
    *why = "libunbound: no thread can be made for it";
    return false;
}

int dns_open(const struct options *options, unsigned sockets, const char **why)
{
    const unsigned share[DNS_CONTEXTS] = {[DNS_FOR_STRANGERS] = sockets / 2 + 1,
                                          [DNS_FOR_STRANGERS + 1] = sockets / 2 + 1,
                                          [DNS_FOR_KNOWN] = sockets / 2 + 1,
                                          [DNS_FOR_SUSPECTS] = sockets / 4 + 1,
                                          [DNS_FOR_NEW] = sockets};
    FILE *complaints = complaints_open();

    own_way = settings_own_way(options);
    for (int i = 0; i < DNS_CONTEXTS; i++) {
        if (!open_one(i, options, share[i], complaints, why)) {
            dns_close();
            return 0;
        }
    }
    return 1;
}

void dns_close(void)
{
    bool ended = !stuck;

    cut_close();
    for (int i = 0; i < DNS_CONTEXTS; i++) {
        if (relays[i] != NULL)
            relay_end(relays[i]);
    }
    for (int i = 0; i < DNS_CONTEXTS; i++) {
        /* One that is stuck has had the time that the first was given. */
        if (relays[i] != NULL && !relay_free(relays[i], ended ? CLOSE_MS : 0))
            ended = false;
        relays[i] = NULL;
    }
    /* What does not end may still complain. */
    if (ended)
        complaints_close();
    else
        dance_log(DANCE_LOG_DEBUG, "resolver: libunbound does not end; the process does");
}

int dns_fd(int context)
{
    return relays[context] != NULL ? relay_fd(relays[context]) : -1;
}

int dns_no_memory_fd(void)
{
    return complaints_no_memory_fd();
}

int dns_process(int context)
{
    return relay_process(relays[context]);
}

int dns_start(int context, const char *name, int type, void *arg, ub_callback_type callback,
              int *id)
{
    if (own_way)
        return cut_start(relays[context], context, name, type, arg, callback, id);
    return relay_start(relays[context], name, type, arg, callback, id);
}

void dns_cancel(int context, int id)
{
    if (!cut_cancel(relays[context], context, id))
        relay_cancel(relays[context], id);
}

const char *const *dns_files(const struct options *options)
{
    return settings_files(options);
}

const char *dns_forwarding(void)
{
    return settings_forwarding();
}
