/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/lookups/lookups.h"

#include "name_hash.h"
#include "owner_name.h"
#include "worker/dns/classify.h"
#include "worker/dns/dns.h"
#include "worker/dns/signatures.h"
#include "worker/lookups/deadlines.h"
#include "worker/lookups/domains.h"
#include "worker/lookups/kept.h"
#include "worker/lookups/wanted.h"
#include "worker/peers/accounts.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUCKETS 4096u
/* What is kept for names that were found lately, and for lookups that are due: 1/n of all. */
#define RESERVE 8
/* A user may have 1/n of all lookups, with however many processes. */
#define USER_SHARE 2
/* A domain may have 1/n of all lookups, and 1/n of a process's, but so many in any case. */
#define DOMAIN_SHARE 4
#define DOMAIN_SHARE_OF_PROCESS 2
#define DOMAIN_MIN 16

/* One query that waits for a lookup. */
struct lookups_waiter {
    struct deadline deadline; /* first, so that it is the waiter's address */
    LIST_ENTRY(lookups_waiter) same_lookup;
    LIST_ENTRY(lookups_waiter) same_asker;
    struct lookups_asker *asker;
    uint32_t id;
    uint32_t timeout_ms;
};

enum lookup_kind {
    LOOKUP_OF_STRANGER,
    LOOKUP_OF_KNOWN,     /* its name was found lately */
    LOOKUP_IN_BACKGROUND /* it was due */
};
#define LOOKUP_KINDS 3

struct lookup {
    LIST_ENTRY(lookup) bucket;
    TAILQ_ENTRY(lookup) age;
    LIST_HEAD(lookups_of_name, lookups_waiter) waiting;
    char name[DANCE_NAME_MAX + 2]; /* lower case, with the trailing dot */
    size_t len;                    /* without it */
    int context;
    int id; /* libunbound's */
    enum lookup_kind kind;
    struct account *account; /* charged for it, or NULL */
    struct account *user;    /* likewise */
    struct domain *domain;   /* charged for it, or NULL */
    long long begun_ms;
    bool again; /* in the other context: what was kept in the first is over */
};

static LIST_HEAD(lookup_list, lookup) table[BUCKETS];
static struct dance_hash_key key;
static TAILQ_HEAD(lookup_queue, lookup) by_age = TAILQ_HEAD_INITIALIZER(by_age); /* oldest first */
static struct deadlines deadlines;
static unsigned in_flight[LOOKUP_KINDS];
static struct lookups_limits limit;
static const char *broken;
static lookups_deliver *deliver_to;
static struct lookups_counters counters;
static long long moment; /* of what is being done */

static struct lookup_list *bucket_of(const char *name, size_t len)
{
    return &table[dance_name_hash(&key, name, len) % BUCKETS];
}

void lookups_open(struct lookups_limits limits, const char *unavailable, lookups_deliver *deliver)
{
    limit = limits;
    broken = unavailable;
    deliver_to = deliver;
    counters = (struct lookups_counters){0};
    (void)dance_hash_key_make(&key);
    kept_open();
}

unsigned lookups_in_flight(void)
{
    unsigned sum = 0;

    for (size_t i = 0; i < LOOKUP_KINDS; i++)
        sum += in_flight[i];
    return sum;
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
    in_flight[l->kind]--;
    if (l->account != NULL)
        account_end_lookup(l->account);
    if (l->user != NULL)
        account_end_lookup(l->user);
    if (l->domain != NULL)
        domain_leave(l->domain);
    free(l);
}

void lookups_close(void)
{
    while (!TAILQ_EMPTY(&by_age)) {
        struct lookup *l = TAILQ_FIRST(&by_age);

        /* The analyzer does not follow LIST_REMOVE() through le_prev, here and below. */
        while (!LIST_EMPTY(&l->waiting))
            remove_waiter(LIST_FIRST(&l->waiting)); // NOLINT(clang-analyzer-unix.Malloc)
        dns_cancel(l->context, l->id);
        remove_lookup(l);
    }
    deadlines_free(&deadlines);
    wanted_close();
    kept_close();
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

static void on_result(void *arg, int error, struct ub_result *result);

/* Remember what became of l. */
static void note(const struct lookup *l, const struct dance_wire_answer *answer)
{
    switch (answer->status) {
    case DANCE_WIRE_SECURE:
        wanted_found(l->name, l->len, answer->ttl, l->context, moment);
        break;
    case DANCE_WIRE_ABSENT:
    case DANCE_WIRE_INSECURE:
        wanted_denied(l->name, l->len, answer->ttl, moment);
        break;
    default:
        wanted_failed(l->name, l->len, moment);
        break;
    }
    kept_put(l->name, l->len, answer);
}

/*
 * Cut the answer's TTL to what its signatures allow. What libunbound kept
 * longer than them is nothing that it could validate now. false: it may know
 * better in the other context, where l goes on.
 */
static bool check_signatures(struct lookup *l, struct dance_wire_answer *answer,
                             struct classify_reason *reason, const struct ub_result *result)
{
    if (answer->status != DANCE_WIRE_SECURE && answer->status != DANCE_WIRE_ABSENT)
        return true;
    if (signatures_limit(result->answer_packet, result->answer_len, &answer->ttl, time(NULL))
        != SIGNATURES_OVER)
        return true;
    if (!l->again) {
        l->again = true;
        l->context = 1 - l->context;
        if (dns_start(l->context, l->name, DNS_TYPE_TLSA, l, on_result, &l->id) == 0)
            return false;
    }
    classify_failure(answer, reason, DANCE_WIRE_BOGUS, "the record's signature has expired");
    return true;
}

static void on_result(void *arg, int error, struct ub_result *result)
{
    struct lookup *l = arg;
    struct dance_wire_answer answer;
    struct classify_reason reason;

    classify_result(&answer, &reason, error, result);
    if (check_signatures(l, &answer, &reason, result)) {
        counters.ended++;
        counters.secure += answer.status == DANCE_WIRE_SECURE;
        note(l, &answer);
        answer_all(l, &answer);
        remove_lookup(l);
    }
    ub_resolve_free(result);
}

int lookups_take_results(int context, long long now_ms)
{
    moment = now_ms;
    return dns_process(context);
}

/* ttl: seconds for which it may be believed. */
static void refuse(struct lookups_asker *asker, uint32_t id, enum dance_wire_status status,
                   uint32_t ttl, const char *text)
{
    struct dance_wire_answer answer;
    struct classify_reason reason;

    classify_failure(&answer, &reason, status, text);
    answer.ttl = ttl;
    answer.id = id;
    deliver_to(asker, &answer);
}

static struct lookup *find(const char *name, size_t len)
{
    struct lookup *l;

    LIST_FOREACH(l, bucket_of(name, len), bucket)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (l->len == len && memcmp(l->name, name, len) == 0)
            return l;
    }
    return NULL;
}

static unsigned domain_limit(void)
{
    unsigned share = limit.lookups / DOMAIN_SHARE;

    /* Or it would fill a process, long before its share of all. */
    if (share > limit.lookups_per_client / DOMAIN_SHARE_OF_PROCESS)
        share = limit.lookups_per_client / DOMAIN_SHARE_OF_PROCESS;
    return share > DOMAIN_MIN ? share : DOMAIN_MIN;
}

/* What is left of a bound for a lookup of this kind. */
static unsigned part(unsigned all, enum lookup_kind kind)
{
    return kind == LOOKUP_OF_STRANGER ? all - all / RESERVE : all;
}

/* Why no lookup can be begun for asker; NULL when it can. */
static const char *refusal(const char *name, size_t len, enum lookup_kind kind,
                           const struct lookups_asker *asker)
{
    if (lookups_in_flight() >= limit.lookups
        || (kind == LOOKUP_OF_STRANGER && in_flight[kind] >= part(limit.lookups, kind))) {
        counters.busy++;
        return "too many lookups are in flight";
    }
    if (asker->account != NULL && asker->account->lookups >= part(limit.lookups_per_client, kind)) {
        counters.busy_client++;
        return "too many lookups of this process are in flight";
    }
    if (asker->user != NULL && asker->user->lookups >= part(limit.lookups / USER_SHARE, kind)) {
        counters.busy_client++;
        return "too many lookups of this user are in flight";
    }
    if (kind == LOOKUP_OF_STRANGER && domain_lookups(name, len) >= domain_limit()) {
        counters.busy_domain++;
        return "too many lookups in this domain are in flight";
    }
    return NULL;
}

/* Begin a lookup; NULL with *why set when that fails. asker: to be charged, or NULL. */
static struct lookup *begin(const char *name, size_t len, enum lookup_kind kind, int context,
                            const struct lookups_asker *asker, const char **why)
{
    struct lookup *l = calloc(1, sizeof(*l));
    int error;

    *why = "out of memory";
    if (l == NULL)
        return NULL;
    LIST_INIT(&l->waiting);
    memcpy(l->name, name, len);
    /* The trailing dot keeps every search list out of it. */
    memcpy(l->name + len, ".", 2);
    l->len = len;
    l->kind = kind;
    l->context = context;
    l->begun_ms = moment;
    /* Never calls on_result() itself: results come by dns_process(). */
    error = dns_start(context, l->name, DNS_TYPE_TLSA, l, on_result, &l->id);
    if (error != 0) {
        *why = ub_strerror(error);
        free(l);
        return NULL;
    }
    LIST_INSERT_HEAD(bucket_of(name, len), l, bucket);
    TAILQ_INSERT_TAIL(&by_age, l, age);
    in_flight[kind]++;
    l->account = asker != NULL ? asker->account : NULL;
    l->user = asker != NULL ? asker->user : NULL;
    if (l->account != NULL)
        account_begin_lookup(l->account);
    if (l->user != NULL)
        account_begin_lookup(l->user);
    l->domain = kind == LOOKUP_OF_STRANGER ? domain_join(name, len) : NULL;
    return l;
}

/* Nobody waits for a lookup that is older than what he would wait for a new one. */
static bool wait_for(struct lookup *l, struct lookups_asker *asker,
                     const struct dance_wire_query *query)
{
    struct lookups_waiter *w = calloc(1, sizeof(*w));

    if (w == NULL || !deadlines_add(&deadlines, &w->deadline, l->begun_ms + query->timeout_ms)) {
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

/* Answer from what is kept. */
static bool answer_at_once(struct lookups_asker *asker, uint32_t id, const char *name, size_t len)
{
    struct dance_wire_answer answer;
    struct dance_cached *kept = kept_find(name, len, &answer);

    if (kept == NULL)
        return false;
    counters.hits++;
    wanted_asked(name, len, moment);
    answer.id = id;
    deliver_to(asker, &answer);
    dance_cached_free(kept);
    return true;
}

static void join(struct lookup *l, struct lookups_asker *asker,
                 const struct dance_wire_query *query)
{
    char text[64];

    if (moment - l->begun_ms >= query->timeout_ms) {
        /* An event loop that asks again and again would wait for it again and again. */
        counters.silent++;
        (void)snprintf(text, sizeof(text), "no answer from the DNS for %lld ms",
                       moment - l->begun_ms);
        refuse(asker, query->id, DANCE_WIRE_FAILED, 0, text);
    } else if (!wait_for(l, asker, query)) {
        refuse(asker, query->id, DANCE_WIRE_FAILED, 0, "out of memory");
    }
}

static void ask_dns(struct lookups_asker *asker, const struct dance_wire_query *query,
                    const char *name)
{
    enum lookup_kind kind =
        kept_known(name, query->name_len) ? LOOKUP_OF_KNOWN : LOOKUP_OF_STRANGER;
    const char *why = refusal(name, query->name_len, kind, asker);
    struct lookup *l;

    if (why != NULL) {
        refuse(asker, query->id, DANCE_WIRE_BUSY, 0, why);
        return;
    }
    l = begin(name, query->name_len, kind,
              kind == LOOKUP_OF_KNOWN ? DNS_FOR_KNOWN : DNS_FOR_STRANGERS, asker, &why);
    if (l == NULL)
        refuse(asker, query->id, DANCE_WIRE_FAILED, 0, why);
    else
        join(l, asker, query);
}

void lookups_ask(struct lookups_asker *asker, const struct dance_wire_query *query,
                 long long now_ms)
{
    char name[DANCE_NAME_MAX + 1];
    struct lookup *l;

    moment = now_ms;
    counters.asked++;
    if (broken != NULL) {
        refuse(asker, query->id, DANCE_WIRE_FAILED, CLASSIFY_FAILURE_TTL, broken);
        return;
    }
    dance_owner_name_lower(name, query->name, query->name_len);
    if (answer_at_once(asker, query->id, name, query->name_len))
        return;
    l = find(name, query->name_len);
    if (l == NULL) {
        ask_dns(asker, query, name);
        return;
    }
    counters.joined++;
    join(l, asker, query);
}

void lookups_want(const char *name, size_t len, long long now_ms)
{
    char lower[DANCE_NAME_MAX + 1];

    dance_owner_name_lower(lower, name, len);
    wanted_asked(lower, len, now_ms);
}

void lookups_forget(struct lookups_asker *asker)
{
    while (!LIST_EMPTY(&asker->waiting))
        remove_waiter(LIST_FIRST(&asker->waiting)); // NOLINT(clang-analyzer-unix.Malloc)
}

/* So that none is left when a lookup is given up. */
_Static_assert(DANCE_WIRE_TIMEOUT_MAX <= LOOKUPS_LIFETIME_MS, "nobody waits for longer");

static void fail_one(struct lookups_waiter *w, const char *text)
{
    struct dance_wire_answer answer;
    struct classify_reason reason;

    classify_failure(&answer, &reason, DANCE_WIRE_FAILED, text);
    /* The lookup goes on, and whoever asks for it now is told at once that it does. */
    answer.ttl = 0;
    answer_one(w, &answer);
}

static unsigned background_limit(void)
{
    return limit.lookups / RESERVE > 0 ? limit.lookups / RESERVE : 1;
}

static bool may_renew(void)
{
    return broken == NULL && in_flight[LOOKUP_IN_BACKGROUND] < background_limit()
           && lookups_in_flight() < limit.lookups;
}

/* Begin the lookups that are due, as far as there is room. */
static void renew(void)
{
    char name[DANCE_NAME_MAX + 1];
    const char *next;
    const char *why;
    size_t len;
    int context;

    while (may_renew() && (next = wanted_due(moment, &len, &context)) != NULL) {
        memcpy(name, next, len);
        name[len] = '\0';
        if (find(name, len) != NULL)
            continue; /* its result will do */
        counters.renewed++;
        if (begin(name, len, LOOKUP_IN_BACKGROUND, context, NULL, &why) == NULL)
            wanted_failed(name, len, moment);
    }
}

void lookups_expire(long long now_ms)
{
    struct deadline *d;
    struct lookup *l;
    char text[64];

    moment = now_ms;
    while ((d = deadlines_first(&deadlines)) != NULL && d->at_ms <= now_ms) {
        struct lookups_waiter *w = (struct lookups_waiter *)(void *)d;

        (void)snprintf(text, sizeof(text), "no answer from the DNS within %u ms", w->timeout_ms);
        counters.late++;
        fail_one(w, text);
    }
    while ((l = TAILQ_FIRST(&by_age)) != NULL && l->begun_ms + LOOKUPS_LIFETIME_MS <= now_ms) {
        dns_cancel(l->context, l->id);
        wanted_failed(l->name, l->len, now_ms);
        remove_lookup(l);
        counters.dropped++;
    }
    renew();
}

/* The earlier of two waits in milliseconds, of which -1 is none and what is past is 0. */
static long long earlier(long long wait, long long other)
{
    if (other < 0)
        other = 0;
    return wait < 0 || other < wait ? other : wait;
}

int lookups_wait_ms(long long now_ms)
{
    const struct deadline *d = deadlines_first(&deadlines);
    const struct lookup *l = TAILQ_FIRST(&by_age);
    /* Without room for what is due a result comes first. */
    long long wait = may_renew() ? wanted_wait_ms(now_ms) : -1;

    if (d != NULL)
        wait = earlier(wait, d->at_ms - now_ms);
    if (l != NULL)
        wait = earlier(wait, l->begun_ms + LOOKUPS_LIFETIME_MS - now_ms);
    return (int)wait;
}

void lookups_refused(void)
{
    counters.asked++;
    counters.busy_client++;
}

const struct lookups_counters *lookups_counters(void)
{
    return &counters;
}
