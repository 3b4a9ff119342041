/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/explain.h"

#include "worker/dns/anchor.h"
#include "worker/dns/dns.h"

#include <arpa/nameser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TYPE_DS 43
#define TYPE_DNSKEY 48
#define TYPE_NSEC3 50

/* What libunbound answers itself, whatever it was told: no zone can have such names. */
static const char *const built_in[] = {"localhost.", "onion.", "invalid."};

static const char *const no_chain = "no chain of trust leads to it";

/* Does name end in zone, whole labels of it? Both with the trailing dot. */
static bool is_below(const char *name, const char *zone)
{
    size_t name_len = strlen(name);
    size_t len = strcmp(zone, ".") == 0 ? 0 : strlen(zone);

    return name_len >= len && strcmp(name + name_len - len, zone + (len == 0)) == 0
           && (name_len == len || len == 0 || name[name_len - len - 1] == '.');
}

/* Where in name the label before at begins. */
static const char *label_before(const char *name, const char *at)
{
    const char *p = at;

    if (p > name)
        p--; /* its dot */
    while (p > name && p[-1] != '.')
        p--;
    return p;
}

static bool ask(struct explain_walk *w, const char *at, int type)
{
    w->at = at;
    w->type = type;
    return true;
}

static bool end(struct explain_walk *w, const char *text)
{
    (void)snprintf(w->text, sizeof(w->text), "%s", text);
    return false;
}

/* For a text: the name without the dot at its end, but for the root. */
static int shown(const char *name)
{
    size_t len = strlen(name);

    return (int)(len > 1 ? len - 1 : len);
}

bool explain_set_out(struct explain_walk *w, const char *name, const char *zone,
                     const struct explain_seen *anchor)
{
    size_t len = strlen(name);
    size_t zone_len = strcmp(zone, ".") == 0 ? 1 : strlen(zone);

    *w = (struct explain_walk){.ds = *anchor, .refused = {.iterations = -1}};
    if (len >= sizeof(w->name) || !is_below(name, zone))
        return end(w, no_chain);
    memcpy(w->name, name, len + 1);
    w->cut = w->name + len - zone_len;
    if (strcmp(zone, ".") == 0)
        return ask(w, label_before(w->name, w->name + len), TYPE_DS);
    if (w->cut == w->name)
        return ask(w, w->cut, TYPE_DNSKEY);
    return ask(w, label_before(w->name, w->cut), TYPE_DS);
}

/* The zone at cut is where the chain ends, and this is what its DNSKEY records say. */
static bool conclude(struct explain_walk *w, const struct explain_seen *keys)
{
    const char *zone = w->cut;
    int len = shown(zone);

    if (keys->failed)
        return end(w, no_chain);
    if (!w->ds.has_data) {
        (void)snprintf(w->text, sizeof(w->text),
                       keys->has_data
                           ? "the zone %.*s is signed, but its parent has no DS record for it"
                           : "the zone %.*s is not signed",
                       len, zone);
    } else if (keys->secure) {
        (void)snprintf(
            w->text, sizeof(w->text),
            "the NSEC3 records of the zone %.*s have more iterations than libunbound takes (%d)",
            len, zone, w->refused.iterations);
        if (w->refused.iterations < 0)
            return end(w, no_chain);
    } else {
        (void)snprintf(w->text, sizeof(w->text),
                       "this libunbound knows no algorithm or digest by which the zone %.*s is "
                       "signed (algorithm %d, digest %d)",
                       len, zone, w->ds.algorithm, w->ds.digest);
    }
    return false;
}

bool explain_go_on(struct explain_walk *w, const struct explain_seen *seen)
{
    if (w->type == TYPE_DNSKEY)
        return conclude(w, seen);
    if (seen->failed)
        return end(w, no_chain);
    if (!seen->secure) {
        w->refused = *seen;
        return ask(w, w->cut, TYPE_DNSKEY);
    }
    /* Also where no zone begins: whether one does is seen below it. */
    w->cut = w->at;
    w->ds = *seen;
    return w->at == w->name ? ask(w, w->cut, TYPE_DNSKEY)
                            : ask(w, label_before(w->name, w->at), TYPE_DS);
}

struct explain {
    struct explain_walk walk;
    int context;
    int id;
    explain_done *done;
    void *arg;
};

/* Iterations of the first NSEC3 record (RFC 5155, section 3.2), or -1. */
static int iterations_in(const struct ub_result *result)
{
    ns_msg message;
    ns_rr rr;

    if (result->answer_packet == NULL
        || ns_initparse(result->answer_packet, result->answer_len, &message) != 0)
        return -1;
    for (int i = 0; i < ns_msg_count(message, ns_s_ns); i++) {
        if (ns_parserr(&message, ns_s_ns, i, &rr) == 0 && ns_rr_type(rr) == TYPE_NSEC3
            && ns_rr_rdlen(rr) >= 4)
            return (int)ns_get16(ns_rr_rdata(rr) + 2);
    }
    return -1;
}

static struct explain_seen what_is_seen(const struct explain_walk *w, int error,
                                        const struct ub_result *result)
{
    struct explain_seen seen = {.algorithm = -1, .digest = -1, .iterations = -1};

    seen.failed = error != 0 || result == NULL || result->bogus
                  || (result->rcode != ns_r_noerror && result->rcode != ns_r_nxdomain);
    if (seen.failed)
        return seen;
    seen.secure = result->secure != 0;
    seen.has_data = result->havedata != 0;
    seen.iterations = iterations_in(result);
    if (seen.has_data && w->type == TYPE_DS && result->data[0] != NULL && result->len[0] >= 4) {
        seen.algorithm = (unsigned char)result->data[0][2];
        seen.digest = (unsigned char)result->data[0][3];
    }
    return seen;
}

static void on_result(void *arg, int error, struct ub_result *result);

static int start(struct explain *e)
{
    return dns_start(e->context, e->walk.at, e->walk.type, e, on_result, &e->id);
}

static void on_result(void *arg, int error, struct ub_result *result)
{
    struct explain *e = arg;
    struct explain_seen seen = what_is_seen(&e->walk, error, result);
    bool more = explain_go_on(&e->walk, &seen);

    ub_resolve_free(result);
    if (more && start(e) == 0)
        return;
    e->done(e->arg, more ? no_chain : e->walk.text);
    free(e);
}

struct explain *explain_begin(int context, const char *name, explain_done *done, void *arg,
                              const char **text)
{
    const struct anchor *anchor = anchor_over(name);
    struct explain_seen known = {.secure = true, .has_data = true, .iterations = -1};
    struct explain *e;

    for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++) {
        *text = "libunbound answers such names itself, whatever the DNS says";
        if (is_below(name, built_in[i]))
            return NULL;
    }
    *text = "no trust anchor covers it";
    if (anchor == NULL)
        return NULL;
    *text = no_chain;
    e = calloc(1, sizeof(*e));
    if (e == NULL)
        return NULL;
    e->context = context;
    e->done = done;
    e->arg = arg;
    known.algorithm = (int)anchor->algorithm;
    known.digest = (int)anchor->digest_type;
    if (explain_set_out(&e->walk, name, anchor->owner, &known) && start(e) == 0)
        return e;
    free(e);
    return NULL;
}

void explain_cancel(struct explain *e)
{
    dns_cancel(e->context, e->id);
    free(e);
}
