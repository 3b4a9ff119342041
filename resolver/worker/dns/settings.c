/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/settings.h"

#include "log.h"
#include "worker/dns/anchor.h"
#include "worker/dns/complaints.h"
#include "worker/dns/forward.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RESOLV_CONF "/etc/resolv.conf"

static char reason[512];
static char forwarding[160]; /* as many as there is room for in a reason */

const char *settings_fault(const char *what, const char *detail)
{
    char complaint[256];

    complaints_first(complaint, sizeof(complaint));
    if (complaint[0] != '\0')
        detail = complaint;
    /* It may begin with the file, and its line. */
    if (strncmp(detail, what, strlen(what)) == 0)
        (void)snprintf(reason, sizeof(reason), "%s", detail);
    else
        (void)snprintf(reason, sizeof(reason), "%s: %s", what, detail);
    return reason;
}

/* Something that libunbound reported. */
static bool failed(const char **why, const char *what, int error)
{
    *why = settings_fault(what, ub_strerror(error));
    return false;
}

/* Something that we saw ourselves. */
static bool refuse(const char **why, const char *what, const char *detail)
{
    (void)snprintf(reason, sizeof(reason), "%s: %s", what, detail);
    *why = reason;
    return false;
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
    char option[64];
    int error;

    (void)snprintf(option, sizeof(option), "%s:", name);
    error = ub_ctx_set_option(context, option, value);
    /* An older or newer libunbound may lack one; none is needed for a right answer. */
    if (error != 0)
        dance_log(DANCE_LOG_DEBUG, "resolver: libunbound takes no %s %s: %s", option, value,
                  ub_strerror(error));
}

static void set_number(struct ub_ctx *context, const char *name, unsigned value)
{
    char number[16];

    (void)snprintf(number, sizeof(number), "%u", value);
    set_option(context, name, number);
}

/*
 * What the operator's file may not change. Ours are libunbound's own, mostly,
 * and stand here to be set before that file and to be found again after it.
 */
static const struct invariant {
    const char *name, *value;
    const char *why_not; /* what would come of another value */
} invariants[] = {
    {"module-config", "validator iterator",
     "other modules change answers, or are not in this library"},
    {"auto-trust-anchor-file", "",
     "this process writes no file; name it as trust_anchor (its states are understood)"},
    /* libunbound takes a key that is pending there, or revoked, for a good one. */
    {"trust-anchor-file", "", "name it as trust_anchor, or its records with trust-anchor:"},
    {"trusted-keys-file", "", "name its records with trust-anchor:"},
    {"val-permissive-mode", "no", "what fails validation would not be known as that"},
    {"val-override-date", "0", "signatures that are over would count"},
    /* No grace for signatures that have just expired (RFC 4035, section 5.3.1). */
    {"val-sig-skew-min", "0", "signatures that are over would count"},
    {"val-sig-skew-max", "0", "signatures that are over would count"},
    {"ignore-cd-flag", "no", "nothing of ours sets that flag"},
    {"serve-expired", "no", "removed records would be believed"},
    {"serve-original-ttl", "no", "removed records would be believed for longer"},
    {"cache-min-ttl", "0", "removed records would be believed for longer"},
    {"cache-min-negative-ttl", "0", "new records would be found later"},
    /* What libunbound makes of NSEC records lasts as long as they do, whatever
     * cache-max-negative-ttl is.
     */
    {"aggressive-nsec", "no", "new records would be found later"},
};
#define INVARIANTS (sizeof(invariants) / sizeof(invariants[0]))

/*
 * How long at least to wait for an answer before asking again. libunbound goes
 * by how fast an address answers mostly, gives up after five times, and that
 * was 1.5 seconds: a name that takes 2 could never be found. A resolver that
 * we forward to is near, answers most names at once and has to look for some.
 * But where there are several the next one is to have its turn while the first
 * client still waits.
 */
#define PATIENCE_MS 400
#define PATIENCE_FORWARDING_MS 2500
#define PATIENCE_SEVERAL_MS 500

/* One that this libunbound does not know no file can set either. */
static bool is_known(struct ub_ctx *context, const char *name)
{
    char *value = NULL;
    bool known = ub_ctx_get_option(context, name, &value) == 0;

    free(value);
    return known;
}

bool settings_own_way(const struct options *options)
{
    return options->forward == NULL && options->unbound_config == NULL;
}

/* What suits a server that asks for few names again and again. */
static void set_defaults(struct ub_ctx *context, const struct options *options, unsigned sockets)
{
    static const char *const settings[][2] = {
        {"prefetch-key", "yes"},
        {"harden-dnssec-stripped", "yes"},
        /* More than there are lookups, which are bounded by lookups.c, and what they depend on. */
        {"num-queries-per-thread", "16384"},
        {"outgoing-num-tcp", "32"},
        /* For zones and keys; what is asked for is kept by lookups.c. */
        {"msg-cache-size", "4m"},
        {"rrset-cache-size", "16m"},
        /* What was wrong or down a moment ago is tried again soon. */
        {"val-bogus-ttl", "5"},
        {"infra-host-ttl", "60"},
        {"infra-keep-probing", "yes"},
        /* The names of a zone choose where we ask; they may not choose our own host's services. */
        {"do-not-query-localhost", "yes"},
        /* libunbound says there, and nowhere else, who did not answer (complaints.h). */
        {"val-log-level", "2"},
        {"log-servfail", "yes"},
        {"val-log-squelch", "no"},
    };

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        set_option(context, settings[i][0], settings[i][1]);
    for (size_t i = 0; i < INVARIANTS; i++) {
        if (invariants[i].value[0] != '\0' && is_known(context, invariants[i].name))
            set_option(context, invariants[i].name, invariants[i].value);
    }
    set_option(context, "qname-minimisation", settings_own_way(options) ? "no" : "yes");
    set_number(context, "outgoing-range", sockets);
    set_number(context, "cache-max-negative-ttl", options->denial_ttl);
}

static void set_patience(struct ub_ctx *context, size_t forwarders)
{
    unsigned patience = forwarders == 0   ? PATIENCE_MS
                        : forwarders == 1 ? PATIENCE_FORWARDING_MS
                                          : PATIENCE_SEVERAL_MS;

    set_number(context, "infra-cache-min-rtt", patience);
    set_number(context, "unknown-server-time-limit", patience);
}

static int unblock_names(struct ub_ctx *context)
{
    return configure_text(context, "server:\n" SETTINGS_UNBLOCKED);
}

static const char *read_system(struct forward *out)
{
    FILE *file = fopen(RESOLV_CONF, "re");
    const char *fault;

    if (file == NULL)
        return strerror(errno);
    fault = forward_read_system(file, out);
    (void)fclose(file);
    return fault;
}

/* TLS for these servers and no others, which ub_ctx_set_tls() cannot say. */
static int forward_over_tls(struct ub_ctx *context, const struct forward *forward)
{
    char text[FORWARD_MAX * (FORWARD_ENTRY_MAX + 32) + 256];
    int n = snprintf(text, sizeof(text),
                     "server:\n tls-cert-bundle: \"/etc/ssl/certs/ca-certificates.crt\"\n"
                     "forward-zone:\n name: \".\"\n forward-tls-upstream: yes\n");

    for (size_t i = 0; i < forward->count; i++)
        n += snprintf(text + n, sizeof(text) - (size_t)n, " forward-addr: \"%s\"\n",
                      forward->entry[i]);
    return configure_text(context, text);
}

static int forward_to(struct ub_ctx *context, const struct forward *forward)
{
    int error = 0;

    /* The operator chose these addresses; loopback is as good as any. */
    set_option(context, "do-not-query-localhost", "no");
    if (forward->tls)
        return forward_over_tls(context, forward);
    for (size_t i = 0; error == 0 && i < forward->count; i++)
        error = ub_ctx_set_fwd(context, forward->entry[i]);
    return error;
}

static void remember_forward(const struct forward *forward)
{
    size_t used = 0;

    forwarding[0] = '\0';
    for (size_t i = 0; i < forward->count && used < sizeof(forwarding); i++)
        used += (size_t)snprintf(forwarding + used, sizeof(forwarding) - used, "%s%s",
                                 i == 0 ? "; forward is " : ", ", forward->entry[i]);
}

static bool configure_forward(struct ub_ctx *context, const struct options *options, bool *tls,
                              const char **why)
{
    bool system = options->forward != NULL && strcmp(options->forward, "system") == 0;
    const char *what = system ? "dns.forward: " RESOLV_CONF : "dns.forward";
    struct forward forward = {.count = 0};
    const char *fault = NULL;
    int error = 0;

    if (system)
        fault = read_system(&forward);
    else if (options->forward != NULL)
        fault = forward_read(options->forward, &forward);
    if (fault != NULL)
        return refuse(why, what, fault);
    set_patience(context, forward.count);
    remember_forward(&forward);
    if (forward.count > 0)
        error = forward_to(context, &forward);
    *tls = forward.tls;
    return error == 0 || failed(why, what, error);
}

static bool check_denials(struct ub_ctx *context, const struct options *options, const char **why)
{
    char *is = NULL;
    bool ok = ub_ctx_get_option(context, "cache-max-negative-ttl", &is) == 0
              && strtoul(is, NULL, 10) <= options->denial_ttl;

    free(is);
    return ok
           || refuse(why, options->unbound_config,
                     "cache-max-negative-ttl: no more than denial_ttl can be had");
}

static bool check_invariants(struct ub_ctx *context, const struct options *options,
                             const char **why)
{
    char text[384];

    for (size_t i = 0; i < INVARIANTS; i++) {
        char *is = NULL;
        int error = ub_ctx_get_option(context, invariants[i].name, &is);
        /* One that this libunbound does not know no file can set. */
        bool ok = error == UB_SYNTAX
                  || (error == 0 && is != NULL && strcmp(is, invariants[i].value) == 0);

        (void)snprintf(text, sizeof(text), "%s: %s cannot be had: %s", invariants[i].name,
                       is != NULL ? is : "this", invariants[i].why_not);
        free(is);
        if (!ok)
            return refuse(why, options->unbound_config, text);
    }
    return check_denials(context, options, why);
}

static bool configure_anchors(struct ub_ctx *context, const struct options *options,
                              const char **why)
{
    const char *fault = NULL;
    int error = 0;

    if (!anchors_read(options->trust_anchor, &fault))
        return refuse(why, options->trust_anchor, fault);
    for (const struct anchor *a = anchors_first(); a != NULL && error == 0; a = a->next)
        error = ub_ctx_add_ta(context, a->record);
    return error == 0 || failed(why, options->trust_anchor, error);
}

static bool configure_file(struct ub_ctx *context, const struct options *options, const char **why)
{
    int error;

    if (options->unbound_config == NULL)
        return true;
    error = ub_ctx_config(context, options->unbound_config);
    if (error != 0)
        return failed(why, options->unbound_config, error);
    return check_invariants(context, options, why);
}

bool settings_apply(struct ub_ctx *context, const struct options *options, unsigned sockets,
                    bool *tls, const char **why)
{
    int error;

    set_defaults(context, options, sockets);
    error = unblock_names(context);
    if (error != 0)
        return failed(why, "libunbound", error);
    if (!configure_forward(context, options, tls, why) || !configure_file(context, options, why)
        || !configure_anchors(context, options, why))
        return false;
    /* The last: from here on libunbound has made up its mind. */
    error = ub_ctx_zone_add(context, SETTINGS_OWN_NAME, "static");
    return error == 0 || failed(why, "libunbound", error);
}

const char *const *settings_files(const struct options *options)
{
    static const char *files[4];
    size_t n = 0;

    files[n++] = options->trust_anchor;
    if (options->unbound_config != NULL)
        files[n++] = options->unbound_config;
    if (options->forward != NULL && strcmp(options->forward, "system") == 0)
        files[n++] = RESOLV_CONF;
    files[n] = NULL;
    return files;
}

const char *settings_forwarding(void)
{
    return forwarding;
}
