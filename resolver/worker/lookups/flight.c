/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/lookups/flight.h"

#include "owner_name.h"
#include "worker/dns/classify.h"
#include "worker/dns/dns.h"
#include "worker/dns/explain.h"
#include "worker/dns/signatures.h"
#include "worker/lookups/wanted.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct lookup {
    TAILQ_ENTRY(lookup) age;
    TAILQ_ENTRY(lookup) line; /* while it is queued */
    struct waiters waiting;
    struct name *name;
    struct domain *domain;
    struct account *account; /* charged for it, or NULL */
    int context;
    int id; /* libunbound's */
    enum lookup_kind kind;
    long long begun_ms;
    bool queued;             /* its domain has no room yet */
    bool again;              /* in another context: what was kept in the first is over */
    struct explain *explain; /* its answer is insecure, and why is being found out; or NULL */
    uint32_t insecure_ttl;
};

static TAILQ_HEAD(lookup_queue, lookup) by_age = TAILQ_HEAD_INITIALIZER(by_age); /* oldest first */
static unsigned denial_ttl;
static struct lookups_counters *count;
static long long moment; /* of what is being done */

static void on_result(void *arg, int error, struct ub_result *result);
static void begin_queued(struct domain *domain);

static void take_out(struct lookup *l)
{
    if (!l->queued)
        return;
    l->queued = false;
    TAILQ_REMOVE(&l->domain->waiting, l, line);
    l->domain->queued--;
    domain_put(l->domain, moment);
}

/* Nothing comes of it any more. */
static void cancel(struct lookup *l)
{
    if (l->explain != NULL)
        explain_cancel(l->explain);
    else if (!l->queued)
        dns_cancel(l->context, l->id);
}

/* Of a lookup that nobody waits for. Its name is left unsettled. */
static void remove_lookup(struct lookup *l)
{
    struct name *name = l->name;

    if (l->queued)
        take_out(l);
    else
        domain_end(l->domain, l->kind == LOOKUP_IN_BACKGROUND, moment);
    TAILQ_REMOVE(&by_age, l, age);
    bounds_end(l->kind, l->account);
    free(l);
    name->lookup = NULL;
}

/* l ends: its name is settled, and what waited for room in its domain begins. */
static void end(struct lookup *l)
{
    struct name *name = l->name;
    struct domain *domain = l->domain;
    bool begun = !l->queued;

    remove_lookup(l);
    name_settle(name);
    if (begun)
        begin_queued(domain);
}

/* A waiter has gone: a lookup that has not begun goes with the last one. */
static void left(struct lookup *l)
{
    if (l->queued && LIST_EMPTY(&l->waiting))
        end(l);
}

bool flight_open(struct lookups_limits limits, struct lookups_counters *counters)
{
    bounds_open(&limits);
    denial_ttl = limits.denial_ttl;
    count = counters;
    waiters_left(left);
    return domains_open(bounds_background() / 2);
}

void flight_close(void)
{
    struct lookup *l;

    while ((l = TAILQ_FIRST(&by_age)) != NULL) {
        waiters_drop(&l->waiting);
        cancel(l);
        remove_lookup(l);
    }
    domains_close();
}

/* l has come to its end with this answer. */
static void conclude(struct lookup *l, struct dance_wire_answer *answer)
{
    static const enum domain_answer said[] = {
        [DANCE_WIRE_SECURE] = DOMAIN_ANSWERED,   [DANCE_WIRE_ABSENT] = DOMAIN_ANSWERED,
        [DANCE_WIRE_INSECURE] = DOMAIN_ANSWERED, [DANCE_WIRE_BOGUS] = DOMAIN_BOGUS,
        [DANCE_WIRE_FAILED] = DOMAIN_SILENT,     [DANCE_WIRE_BUSY] = DOMAIN_SILENT};
    struct name *name = l->name;

    count->ended++;
    count->secure += answer->status == DANCE_WIRE_SECURE;
    domain_said(l->domain, said[answer->status], moment);
    if (answer->status == DANCE_WIRE_ABSENT || answer->status == DANCE_WIRE_INSECURE) {
        wanted_denied(name, answer->ttl, moment);
        if (answer->ttl > denial_ttl)
            answer->ttl = denial_ttl;
    }
    name_keep(name, answer);
    if (answer->status == DANCE_WIRE_SECURE)
        wanted_found(name, answer->ttl, l->context, moment);
    else if (said[answer->status] != DOMAIN_ANSWERED)
        wanted_failed(name, moment);
    waiters_answer(&l->waiting, answer);
    end(l);
}

/* One of both, by chance, and the same one always: its hash has 31 bits. */
static int for_strangers(const struct name *name)
{
    return DNS_FOR_STRANGERS + (int)(name->entry.hash >> 30);
}

/*
 * Cut the answer's TTL to what its signatures allow. What libunbound kept
 * longer than them is nothing that it could validate now. false: it may know
 * better in another context, where l goes on.
 */
static bool check_signatures(struct lookup *l, struct dance_wire_answer *answer,
                             struct classify_reason *reason, const struct ub_result *result)
{
    char name[DANCE_NAME_MAX + 2];

    if (answer->status != DANCE_WIRE_SECURE && answer->status != DANCE_WIRE_ABSENT)
        return true;
    if (signatures_limit(result->answer_packet, result->answer_len, &answer->ttl, time(NULL))
        != SIGNATURES_OVER)
        return true;
    if (!l->again) {
        l->again = true;
        l->context = l->context == DNS_FOR_SUSPECTS ? for_strangers(l->name) : DNS_FOR_SUSPECTS;
        (void)snprintf(name, sizeof(name), "%s.", name_text(l->name));
        if (dns_start(l->context, name, DNS_TYPE_TLSA, l, on_result, &l->id) == 0)
            return false;
    }
    classify_failure(answer, reason, DANCE_WIRE_BOGUS, "the record's signature has expired");
    return true;
}

static void on_explained(void *arg, const char *text)
{
    struct lookup *l = arg;
    struct dance_wire_answer answer;
    struct classify_reason reason;

    l->explain = NULL;
    classify_failure(&answer, &reason, DANCE_WIRE_INSECURE, text);
    answer.ttl = l->insecure_ttl;
    conclude(l, &answer);
}

/*
 * Why an answer is insecure takes more lookups. l is in flight meanwhile, with its waiters and
 * within its bounds.
 */
static void explain(struct lookup *l, uint32_t ttl, const struct ub_result *result)
{
    char name[DANCE_NAME_MAX + 2];
    struct explain *begun;

    (void)snprintf(name, sizeof(name), "%s.", name_text(l->name));
    l->insecure_ttl = ttl;
    waiters_insecure(&l->waiting);
    begun = explain_begin(l->context, name, result, on_explained, l);
    /* Or l has come to its end. */
    if (begun != NULL)
        l->explain = begun;
}

static void on_result(void *arg, int error, struct ub_result *result)
{
    struct lookup *l = arg;
    struct dance_wire_answer answer;
    struct classify_reason reason;

    classify_result(&answer, &reason, error, result, CLASSIFY_TTL_MAX);
    if (answer.status == DANCE_WIRE_INSECURE)
        explain(l, answer.ttl, result);
    else if (check_signatures(l, &answer, &reason, result))
        conclude(l, &answer);
    ub_resolve_free(result);
}

int flight_take_results(int context, long long now_ms)
{
    moment = now_ms;
    return dns_process(context);
}

/* Whom a suspect name shares a context with is as suspect. */
static int context_of(const struct lookup *l)
{
    if (domain_suspect(l->domain, moment))
        return DNS_FOR_SUSPECTS;
    /* Where it was found libunbound answers from its cache until its records end. */
    if (l->name->until_ms > moment)
        return l->name->context == DNS_FOR_KNOWN ? for_strangers(l->name) : DNS_FOR_KNOWN;
    if (l->domain->known)
        return DNS_FOR_KNOWN;
    /* Whoever may turn out to be dear to validate is not beside those who are not. */
    return domain_is_new(l->domain) ? DNS_FOR_NEW : for_strangers(l->name);
}

/* Give it to libunbound: 0, or an error. */
static int start(struct lookup *l)
{
    char name[DANCE_NAME_MAX + 2];

    /* The trailing dot keeps every search list out of it. */
    (void)snprintf(name, sizeof(name), "%s.", name_text(l->name));
    l->context = context_of(l);
    take_out(l);
    domain_begin(l->domain, l->kind == LOOKUP_IN_BACKGROUND, moment);
    /* Never calls on_result() itself: results come by dns_process(). */
    return dns_start(l->context, name, DNS_TYPE_TLSA, l, on_result, &l->id);
}

/* Begin what waits for room in a domain, as far as there is some. */
static void begin_queued(struct domain *domain)
{
    struct lookup *l;

    while ((l = TAILQ_FIRST(&domain->waiting)) != NULL && domain_has_room(domain, moment)) {
        int error = start(l); // NOLINT(clang-analyzer-unix.Malloc)
        struct name *name = l->name;
        struct dance_wire_answer answer;
        struct classify_reason reason;

        if (error == 0)
            continue;
        classify_failure(&answer, &reason, DANCE_WIRE_FAILED, ub_strerror(error));
        waiters_answer(&l->waiting, &answer);
        remove_lookup(l);
        name_settle(name);
    }
}

/* Why it cannot be begun; NULL when it can. */
static const char *refusal(enum lookup_kind kind, const struct lookups_asker *asker,
                           const struct domain *domain)
{
    switch (bounds_reached(kind, asker->account, domain)) {
    case BOUNDS_OF_ALL:
        count->busy++;
        return "too many lookups are in flight";
    case BOUNDS_OF_PROCESS:
        count->busy_client++;
        return "too many lookups of this process are in flight";
    case BOUNDS_OF_DOMAIN:
        count->busy_domain++;
        return "too many lookups in this domain are in flight";
    default:
        return NULL;
    }
}

/* A lookup in line or about to begin; NULL when out of memory. */
static struct lookup *make(struct name *name, struct domain *domain, enum lookup_kind kind,
                           struct account *account)
{
    struct lookup *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return NULL;
    LIST_INIT(&l->waiting);
    l->name = name;
    l->domain = domain;
    l->kind = kind;
    l->account = account;
    l->begun_ms = moment;
    name->lookup = l;
    TAILQ_INSERT_TAIL(&by_age, l, age);
    bounds_begin(kind, account);
    l->queued = true;
    TAILQ_INSERT_TAIL(&domain->waiting, l, line);
    domain->queued++;
    domain_put(domain, moment);
    return l;
}

struct lookup *flight_begin(struct name *name, const struct lookups_asker *asker, long long now_ms,
                            enum dance_wire_status *status, const char **why)
{
    bool known = name_known(name);
    enum lookup_kind kind = known ? LOOKUP_OF_KNOWN : LOOKUP_OF_STRANGER;
    struct domain *domain = domain_of(name_text(name), name->entry.len, known, now_ms);
    struct lookup *l;
    int error = 0;

    moment = now_ms;
    if (asker == NULL)
        kind = LOOKUP_IN_BACKGROUND;
    *status = DANCE_WIRE_BUSY;
    *why = asker != NULL && domain != NULL ? refusal(kind, asker, domain) : NULL;
    if (*why != NULL)
        return NULL;
    *status = DANCE_WIRE_FAILED;
    *why = "out of memory";
    l = domain != NULL ? make(name, domain, kind, asker != NULL ? asker->account : NULL) : NULL;
    if (l == NULL)
        return NULL;
    /* What is due has had its turn. */
    if (asker == NULL || (domain->queued == 1 && domain_has_room(domain, now_ms)))
        error = start(l);
    if (error == 0)
        return l;
    *why = ub_strerror(error);
    remove_lookup(l);
    return NULL;
}

bool flight_join(struct lookup *l, struct lookups_asker *asker,
                 const struct dance_wire_query *query)
{
    /* Nobody waits for a lookup that is older than what he would wait for a new one. */
    if (waiters_add(&l->waiting, l, asker, query, l->begun_ms + query->timeout_ms))
        return true;
    left(l);
    return false;
}

long long flight_begun_ms(const struct lookup *l)
{
    return l->begun_ms;
}

/* So that nobody waits for it any more when a lookup is given up. */
_Static_assert(DANCE_WIRE_TIMEOUT_MAX <= LOOKUPS_LIFETIME_MS, "nobody waits for longer");

static void give_up(struct lookup *l)
{
    cancel(l);
    count->dropped++;
    domain_said(l->domain, DOMAIN_SILENT, moment);
    wanted_failed(l->name, moment);
    end(l);
}

void flight_expire(long long now_ms)
{
    struct lookup *l;

    moment = now_ms;
    while ((l = TAILQ_FIRST(&by_age)) != NULL && l->begun_ms + LOOKUPS_LIFETIME_MS <= now_ms)
        give_up(l);
}

long long flight_first_ms(void)
{
    const struct lookup *l = TAILQ_FIRST(&by_age);

    return l != NULL ? l->begun_ms + LOOKUPS_LIFETIME_MS : -1;
}
