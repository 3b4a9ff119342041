/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "lookups.h"

#include "classify.h"
#include "dns.h"
#include "owner_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define BUCKETS 1024u

struct lookup;

struct waiter {
    LIST_ENTRY(waiter) all;
    LIST_ENTRY(waiter) same; /* of the same lookup */
    void *asker;
    uint32_t id;
    uint32_t timeout_ms;
    long long deadline_ms;
};
LIST_HEAD(waiters, waiter);

struct lookup {
    LIST_ENTRY(lookup) bucket;
    struct waiters waiting;
    char name[DANCE_NAME_MAX + 2]; /* lower case, with the trailing dot */
    int id;                        /* libunbound's */
    long long give_up_ms;
};
LIST_HEAD(lookup_list, lookup);

static struct lookup_list table[BUCKETS];
static struct waiters everybody;
static unsigned in_flight;
static unsigned limit;
static const char *broken;
static lookups_deliver *deliver_to;
static struct lookups_counters counters;

static unsigned bucket_of(const char *name)
{
    unsigned hash = 2166136261u; /* FNV-1a */

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash % BUCKETS;
}

void lookups_open(unsigned max_lookups, const char *unavailable, lookups_deliver *deliver)
{
    limit = max_lookups;
    broken = unavailable;
    deliver_to = deliver;
}

static void remove_waiter(struct waiter *w)
{
    LIST_REMOVE(w, all);
    LIST_REMOVE(w, same);
    free(w);
}

static void remove_lookup(struct lookup *l)
{
    LIST_REMOVE(l, bucket);
    in_flight--;
    free(l);
}

void lookups_close(void)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        while (!LIST_EMPTY(&table[i])) {
            struct lookup *l = LIST_FIRST(&table[i]);

            while (!LIST_EMPTY(&l->waiting))
                remove_waiter(LIST_FIRST(&l->waiting));
            dns_cancel(l->id);
            remove_lookup(l);
        }
    }
}

/* The answer may point into what the caller frees afterwards. */
static void answer_all(struct lookup *l, struct dance_wire_answer *answer)
{
    /*
     * Delivering may make the transport forget an asker, that is, change the
     * list; taking the first again and again stands that.
     */
    while (!LIST_EMPTY(&l->waiting)) {
        struct waiter *w = LIST_FIRST(&l->waiting);
        void *asker = w->asker;

        answer->id = w->id;
        remove_waiter(w);
        deliver_to(asker, answer);
    }
}

static void on_result(void *arg, int error, struct ub_result *result)
{
    struct lookup *l = arg;
    struct dance_wire_answer answer;
    struct classify_reason reason;

    classify_result(&answer, &reason, error, result);
    if (answer.status == DANCE_WIRE_SECURE)
        counters.secure++;
    else
        counters.refused++;
    answer_all(l, &answer);
    remove_lookup(l);
    ub_resolve_free(result);
}

static void answer_at_once(void *asker, uint32_t id, enum dance_wire_status status,
                           const char *text)
{
    struct dance_wire_answer answer;
    struct classify_reason reason;

    classify_failure(&answer, &reason, status, text);
    answer.id = id;
    deliver_to(asker, &answer);
}

static struct lookup *find(const char *name)
{
    struct lookup *l;

    LIST_FOREACH(l, &table[bucket_of(name)], bucket)
    {
        if (strcmp(l->name, name) == 0)
            return l;
    }
    return NULL;
}

/* Begin one; NULL with *why set when that is not possible. */
static struct lookup *begin(const char *name, long long now_ms, enum dance_wire_status *status,
                            const char **why)
{
    struct lookup *l;
    int error;

    *status = DANCE_WIRE_BUSY;
    *why = "too many lookups are in flight";
    if (in_flight >= limit) {
        counters.busy++;
        return NULL;
    }
    *status = DANCE_WIRE_FAILED;
    *why = "out of memory";
    l = calloc(1, sizeof(*l));
    if (l == NULL)
        return NULL;
    LIST_INIT(&l->waiting);
    (void)snprintf(l->name, sizeof(l->name), "%s", name);
    l->give_up_ms = now_ms + LOOKUPS_LIFETIME_MS;
    error = dns_start(l->name, l, on_result, &l->id);
    if (error != 0) {
        *why = ub_strerror(error);
        free(l);
        return NULL;
    }
    LIST_INSERT_HEAD(&table[bucket_of(l->name)], l, bucket);
    in_flight++;
    return l;
}

void lookups_ask(void *asker, const struct dance_wire_query *query, long long now_ms)
{
    char name[DANCE_NAME_MAX + 2];
    struct waiter *w;
    struct lookup *l;
    enum dance_wire_status status = DANCE_WIRE_FAILED;
    const char *why = broken;

    counters.asked++;
    if (broken != NULL) {
        answer_at_once(asker, query->id, status, why);
        return;
    }
    dance_owner_name_lower(name, query->name, query->name_len);
    memcpy(name + query->name_len, ".", 2);
    w = calloc(1, sizeof(*w));
    l = find(name);
    if (l != NULL)
        counters.joined++;
    else if (w != NULL)
        l = begin(name, now_ms, &status, &why);
    if (w == NULL || l == NULL) {
        answer_at_once(asker, query->id, status, w == NULL ? "out of memory" : why);
        free(w);
        return;
    }
    w->asker = asker;
    w->id = query->id;
    w->timeout_ms = query->timeout_ms;
    w->deadline_ms = now_ms + query->timeout_ms;
    LIST_INSERT_HEAD(&everybody, w, all);
    LIST_INSERT_HEAD(&l->waiting, w, same);
}

void lookups_forget(void *asker)
{
    struct waiter *w = LIST_FIRST(&everybody);

    while (w != NULL) {
        struct waiter *next = LIST_NEXT(w, all);

        if (w->asker == asker)
            remove_waiter(w);
        w = next;
    }
}

static struct waiter *first_late(long long now_ms)
{
    struct waiter *w;

    LIST_FOREACH(w, &everybody, all)
    {
        if (w->deadline_ms <= now_ms)
            return w;
    }
    return NULL;
}

void lookups_expire(long long now_ms)
{
    static long long last_sweep_ms;
    struct waiter *w;

    while ((w = first_late(now_ms)) != NULL) {
        void *asker = w->asker;
        uint32_t id = w->id;
        char text[64];

        (void)snprintf(text, sizeof(text), "no answer from the DNS within %u ms", w->timeout_ms);
        remove_waiter(w);
        counters.late++;
        answer_at_once(asker, id, DANCE_WIRE_FAILED, text);
    }
    if (in_flight == 0 || now_ms - last_sweep_ms < 1000)
        return;
    last_sweep_ms = now_ms;
    for (unsigned i = 0; i < BUCKETS; i++) {
        struct lookup *l = LIST_FIRST(&table[i]);

        while (l != NULL) {
            struct lookup *next = LIST_NEXT(l, bucket);

            if (l->give_up_ms <= now_ms && LIST_EMPTY(&l->waiting)) {
                dns_cancel(l->id);
                remove_lookup(l);
            }
            l = next;
        }
    }
}

bool lookups_pending(void)
{
    return in_flight > 0 || !LIST_EMPTY(&everybody);
}

const struct lookups_counters *lookups_counters(void)
{
    return &counters;
}
