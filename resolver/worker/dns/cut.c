/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/cut.h"

#include "name_hash.h"
#include "owner_name.h"

#include <libpsl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <time.h>

#define TYPE_A 1
#define TYPE_NS 2
#define TYPE_AAAA 28

#define PLACES 512u /* a domain that lost its place is asked for again: libunbound has it */
/* libunbound counts whole seconds, and a lookup needs the servers for a moment. */
#define MARGIN_S 2
/* Whatever the TTL: what libunbound has forgotten for want of room is not to be missed for long. */
#define TRUST_S 3600
#define HOSTS_ASKED 4

/* What is known of a name on the way; until: CLOCK_BOOTTIME in milliseconds. */
struct place {
    char name[DANCE_NAME_MAX + 2];
    bool cut; /* a zone begins here */
    long long until;
};

struct walk {
    LIST_ENTRY(walk) list;
    struct relay *relay;
    int number;
    char name[DANCE_NAME_MAX + 2];
    const char *at; /* in name: what is asked for now */
    int type;
    void *arg;
    ub_callback_type callback;
    int *id;
    struct ub_result *servers; /* of at, while their addresses are asked for */
    int hosts;                 /* of them, so many have been asked for, */
    int host_type;             /* the last one for this */
};

static struct place known[CUT_CONTEXTS][PLACES];
static struct dance_hash_key key;
static LIST_HEAD(walks, walk) walks;

static void go_on(struct walk *w, bool cut, int ttl);

static long long now_ms(void)
{
    struct timespec t = {0, 0};

    (void)clock_gettime(CLOCK_BOOTTIME, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static struct place *place_of(int number, const char *name)
{
    if (key.factor == 0)
        (void)dance_hash_key_make(&key);
    return &known[number][dance_name_hash(&key, name, strlen(name)) % PLACES];
}

static void remember(const struct walk *w, bool cut, int ttl)
{
    struct place *p = place_of(w->number, w->at);

    (void)snprintf(p->name, sizeof(p->name), "%s", w->at);
    p->cut = cut;
    p->until = now_ms() + ((ttl < TRUST_S ? ttl : TRUST_S) - MARGIN_S) * 1000LL;
}

/* The domain in a name with the trailing dot that somebody registered; the name itself where nobody
 * could. */
static const char *registrable(char *name)
{
    size_t len = strlen(name);
    const char *domain;

    name[len - 1] = '\0';
    domain = psl_registrable_domain(psl_builtin(), name);
    name[len - 1] = '.';
    return domain != NULL ? domain : name;
}

static void free_walk(struct walk *w)
{
    LIST_REMOVE(w, list);
    ub_resolve_free(w->servers);
    free(w);
}

static void finish(struct walk *w, int error, struct ub_result *result)
{
    ub_callback_type callback = w->callback;
    void *arg = w->arg;

    free_walk(w);
    callback(arg, error, result);
}

static int ask(struct walk *w, const char *name, int type, ub_callback_type callback)
{
    return relay_start(w->relay, name, type, w, callback, w->id);
}

/* A name in wire format as libunbound takes it. false: it has octets that would have to be escaped,
 * or the root's. */
static bool host_name(const struct ub_result *servers, int i, char *out, size_t size)
{
    const unsigned char *wire = (const unsigned char *)servers->data[i];
    int left = servers->len[i];
    size_t used = 0;

    for (; left > 1 && wire[0] != 0 && wire[0] < left && used + wire[0] + 2 < size;
         left -= wire[0] + 1, wire += wire[0] + 1) {
        memcpy(out + used, wire + 1, wire[0]);
        used += wire[0];
        out[used++] = '.';
    }
    out[used] = '\0';
    for (size_t k = 0; k < used; k++) {
        if (out[k] <= ' ' || out[k] > '~' || out[k] == '\\')
            return false;
    }
    return left == 1 && used > 0;
}

static bool is_within(const char *name, const char *domain)
{
    size_t len = strlen(name);
    size_t domain_len = strlen(domain);

    return len >= domain_len && strcasecmp(name + len - domain_len, domain) == 0
           && (len == domain_len || name[len - domain_len - 1] == '.');
}

/* Are all of a domain's servers within it, so that only the registry can say where they are? */
static bool needs_glue(const struct walk *w)
{
    char host[DANCE_NAME_MAX + 2];

    for (int i = 0; w->servers->data[i] != NULL; i++) {
        if (host_name(w->servers, i, host, sizeof(host)) && !is_within(host, w->at))
            return false;
    }
    return true;
}

static void on_address(void *arg, int error, struct ub_result *result);

/* Ask for the address of the next server: one that is known is enough. */
static void ask_address(struct walk *w)
{
    char host[DANCE_NAME_MAX + 2];
    int error = UB_SERVFAIL;

    while (w->hosts < HOSTS_ASKED && w->servers->data[w->hosts] != NULL) {
        w->host_type = w->host_type == TYPE_A ? TYPE_AAAA : TYPE_A;
        if (!host_name(w->servers, w->hosts, host, sizeof(host))) {
            w->hosts++;
            w->host_type = 0;
            continue;
        }
        w->hosts += w->host_type == TYPE_AAAA;
        error = ask(w, host, w->host_type, on_address);
        if (error == 0)
            return;
        break;
    }
    finish(w, error, NULL);
}

static void on_address(void *arg, int error, struct ub_result *result)
{
    struct walk *w = arg;
    int ttl;

    if (error != 0 || !result->havedata) {
        ub_resolve_free(result);
        ask_address(w);
        return;
    }
    ttl = result->ttl < w->servers->ttl ? result->ttl : w->servers->ttl;
    ub_resolve_free(result);
    ub_resolve_free(w->servers);
    w->servers = NULL;
    go_on(w, true, ttl);
}

static void on_servers(void *arg, int error, struct ub_result *result)
{
    struct walk *w = arg;
    bool cut;
    int ttl;

    if (error != 0 || result->bogus || result->rcode != 0) {
        finish(w, error, result);
        return;
    }
    if (result->havedata) {
        w->servers = result;
        if (needs_glue(w)) {
            ask_address(w);
            return;
        }
        w->servers = NULL;
    }
    cut = result->havedata;
    ttl = result->ttl;
    ub_resolve_free(result);
    go_on(w, cut, ttl);
}

/* One label more of the name than w->at. */
static const char *one_more(const struct walk *w)
{
    const char *c = w->at - 1; /* the dot before it */

    while (c > w->name && c[-1] != '.')
        c--;
    return c;
}

/* Go down to what is not known, and ask for it. 1; 0 when the way is known; less: libunbound's
 * error. */
static int descend(struct walk *w)
{
    for (;; w->at = one_more(w)) {
        const struct place *p = place_of(w->number, w->at);

        if (strcmp(p->name, w->at) != 0 || p->until <= now_ms()) {
            int error = ask(w, w->at, TYPE_NS, on_servers);

            return error != 0 ? error : 1;
        }
        /* The servers that know the name itself are to be asked for it. */
        if (p->cut || w->at == w->name)
            return 0;
    }
}

/*
 * What was asked for is known now, and good for this walk however small its TTL is, so that a walk
 * asks for nothing twice.
 */
static void go_on(struct walk *w, bool cut, int ttl)
{
    int state = 0;

    remember(w, cut, ttl);
    if (!cut && w->at != w->name) {
        w->at = one_more(w);
        state = descend(w);
    }
    if (state > 0)
        return;
    if (state == 0)
        state = relay_start(w->relay, w->name, w->type, w->arg, w->callback, w->id);
    if (state != 0)
        finish(w, state, NULL);
    else
        free_walk(w);
}

int cut_start(struct relay *relay, int number, const char *name, int type, void *arg,
              ub_callback_type callback, int *id)
{
    struct walk *w = calloc(1, sizeof(*w));
    int state = UB_NOMEM;

    if (w == NULL)
        return state;
    w->relay = relay;
    w->number = number;
    (void)snprintf(w->name, sizeof(w->name), "%s", name);
    w->at = registrable(w->name);
    w->type = type;
    w->arg = arg;
    w->callback = callback;
    w->id = id;
    LIST_INSERT_HEAD(&walks, w, list);
    state = descend(w);
    if (state > 0)
        return 0;
    free_walk(w);
    return state < 0 ? state : relay_start(relay, name, type, arg, callback, id);
}

bool cut_cancel(struct relay *relay, int number, int id)
{
    struct walk *w;

    LIST_FOREACH(w, &walks, list)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (w->number == number && *w->id == id) {
            relay_cancel(relay, id);
            free_walk(w);
            return true;
        }
    }
    return false;
}

void cut_close(void)
{
    while (!LIST_EMPTY(&walks))
        free_walk(LIST_FIRST(&walks)); // NOLINT(clang-analyzer-unix.Malloc)
    memset(known, 0, sizeof(known));
}
