/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "lookups.h"

#include "classify.h"
#include "deadlines.h"
#include "dns.h"
#include "owner_name.h"
#include "signatures.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUCKETS 4096u

/* One query that waits for a lookup. */
struct lookups_waiter {
    struct deadline deadline; /* first, so that it is the waiter's address */
    LIST_ENTRY(lookups_waiter) same_lookup;
    LIST_ENTRY(lookups_waiter) same_asker;
    struct lookups_asker *asker;
    uint32_t id;
    uint32_t timeout_ms;
};

struct lookup {
    LIST_ENTRY(lookup) bucket;
    TAILQ_ENTRY(lookup) age;
    LIST_HEAD(lookups_of_name, lookups_waiter) waiting;
    char name[DANCE_NAME_MAX + 2]; /* lower case, with the trailing dot */
    int id;                        /* libunbound's */
    long long give_up_ms;
};

static LIST_HEAD(lookup_list, lookup) table[BUCKETS];
static TAILQ_HEAD(lookup_queue, lookup) by_age = TAILQ_HEAD_INITIALIZER(by_age); /* oldest first */
static struct deadlines deadlines;
static unsigned in_flight;
static unsigned limit;
static const char *broken;
static lookups_deliver *deliver_to;
static struct lookups_counters counters;

/*
 * Names are chosen by whoever connects to the application. A long chain costs
 * no more than the 4096 lookups in flight, so the hash need not be a secret.
 */
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
    counters = (struct lookups_counters){0};
}

static void remove_waiter(struct lookups_waiter *w)
{
    deadlines_remove(&deadlines, &w->deadline);
    LIST_REMOVE(w, same_lookup);
    LIST_REMOVE(w, same_asker);
    free(w);
}

static void remove_lookup(struct lookup *l)
{
    LIST_REMOVE(l, bucket);
    TAILQ_REMOVE(&by_age, l, age);
    in_flight--;
    free(l);
}

void lookups_close(void)
{
    while (!TAILQ_EMPTY(&by_age)) {
        struct lookup *l = TAILQ_FIRST(&by_age);

        /* The analyzer does not follow LIST_REMOVE() through le_prev, here and below. */
        while (!LIST_EMPTY(&l->waiting))
            remove_waiter(LIST_FIRST(&l->waiting)); // NOLINT(clang-analyzer-unix.Malloc)
        dns_cancel(l->id);
        remove_lookup(l);
    }
    deadlines_free(&deadlines);
}

static void answer_one(struct lookups_waiter *w, struct dance_wire_answer *answer)
{
    struct lookups_asker *asker = w->asker;

    answer->id = w->id;
    remove_waiter(w);
    deliver_to(asker, answer);
}

/*
 * Delivering may end the asker, which then forgets its other waiters, that is,
 * changes the list; taking the first again and again stands that.
 */
static void answer_all(struct lookup *l, struct dance_wire_answer *answer)
{
    while (!LIST_EMPTY(&l->waiting))
        answer_one(LIST_FIRST(&l->waiting), answer); // NOLINT(clang-analyzer-unix.Malloc)
}

static void on_result(void *arg, int error, struct ub_result *result)
{
    struct lookup *l = arg;
    struct dance_wire_answer answer;
    struct classify_reason reason;

    classify_result(&answer, &reason, error, result);
    if (answer.status == DANCE_WIRE_SECURE || answer.status == DANCE_WIRE_ABSENT)
        answer.ttl =
            signatures_limit(result->answer_packet, result->answer_len, answer.ttl, time(NULL));
    counters.ended++;
    counters.secure += answer.status == DANCE_WIRE_SECURE;
    answer_all(l, &answer);
    remove_lookup(l);
    ub_resolve_free(result);
}

static void refuse(struct lookups_asker *asker, uint32_t id, enum dance_wire_status status,
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
            return l; // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
    }
    return NULL;
}

/* Begin one; NULL with *status and *why set when that is not possible. */
static struct lookup *begin(const char *name, long long now_ms, enum dance_wire_status *status,
                            const char **why)
{
    struct lookup *l;
    int error;

    if (in_flight >= limit) {
        counters.busy++;
        *status = DANCE_WIRE_BUSY;
        *why = "too many lookups are in flight";
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
    /* Never calls on_result() itself: results come by dns_process(). */
    error = dns_start(l->name, l, on_result, &l->id);
    if (error != 0) {
        *why = ub_strerror(error);
        free(l);
        return NULL;
    }
    LIST_INSERT_HEAD(&table[bucket_of(l->name)], l, bucket);
    TAILQ_INSERT_TAIL(&by_age, l, age);
    in_flight++;
    return l;
}

static bool wait_for(struct lookup *l, struct lookups_asker *asker,
                     const struct dance_wire_query *query, long long now_ms)
{
    struct lookups_waiter *w = calloc(1, sizeof(*w));

    if (w == NULL || !deadlines_add(&deadlines, &w->deadline, now_ms + query->timeout_ms)) {
        free(w);
        return false;
    }
    w->asker = asker;
    w->id = query->id;
    w->timeout_ms = query->timeout_ms;
    LIST_INSERT_HEAD(&asker->waiting, w, same_asker);
    LIST_INSERT_HEAD(&l->waiting, w, same_lookup);
    return true;
}

void lookups_ask(struct lookups_asker *asker, const struct dance_wire_query *query,
                 long long now_ms)
{
    char name[DANCE_NAME_MAX + 2];
    struct lookup *l;
    enum dance_wire_status status = DANCE_WIRE_FAILED;
    const char *why = broken;

    counters.asked++;
    if (broken != NULL) {
        refuse(asker, query->id, status, why);
        return;
    }
    dance_owner_name_lower(name, query->name, query->name_len);
    /* The trailing dot keeps every search list out of it. */
    memcpy(name + query->name_len, ".", 2);
    l = find(name);
    if (l != NULL)
        counters.joined++;
    else
        l = begin(name, now_ms, &status, &why);
    if (l == NULL)
        refuse(asker, query->id, status, why);
    else if (!wait_for(l, asker, query, now_ms))
        refuse(asker, query->id, DANCE_WIRE_FAILED, "out of memory");
}

void lookups_forget(struct lookups_asker *asker)
{
    while (!LIST_EMPTY(&asker->waiting))
        remove_waiter(LIST_FIRST(&asker->waiting)); // NOLINT(clang-analyzer-unix.Malloc)
}

static void fail_one(struct lookups_waiter *w, const char *text)
{
    struct dance_wire_answer answer;
    struct classify_reason reason;

    classify_failure(&answer, &reason, DANCE_WIRE_FAILED, text);
    answer_one(w, &answer);
}

void lookups_expire(long long now_ms)
{
    struct deadline *d;
    struct lookup *l;
    char text[64];

    while ((d = deadlines_first(&deadlines)) != NULL && d->at_ms <= now_ms) {
        struct lookups_waiter *w = (struct lookups_waiter *)(void *)d;

        (void)snprintf(text, sizeof(text), "no answer from the DNS within %u ms", w->timeout_ms);
        counters.late++;
        fail_one(w, text);
    }
    while ((l = TAILQ_FIRST(&by_age)) != NULL && l->give_up_ms <= now_ms) {
        while (!LIST_EMPTY(&l->waiting))
            fail_one(LIST_FIRST(&l->waiting), // NOLINT(clang-analyzer-unix.Malloc)
                     "the DNS has not answered for a minute");
        dns_cancel(l->id);
        remove_lookup(l);
        counters.dropped++;
    }
}

int lookups_wait_ms(long long now_ms)
{
    const struct deadline *d = deadlines_first(&deadlines);
    const struct lookup *l = TAILQ_FIRST(&by_age);
    long long next;

    if (d == NULL && l == NULL)
        return -1;
    next = d != NULL ? d->at_ms : LLONG_MAX;
    if (l != NULL && l->give_up_ms < next)
        next = l->give_up_ms;
    return next <= now_ms ? 0 : (int)(next - now_ms);
}

const struct lookups_counters *lookups_counters(void)
{
    return &counters;
}
