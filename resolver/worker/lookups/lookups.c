/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/lookups/lookups.h"

#include "owner_name.h"
#include "worker/dns/classify.h"
#include "worker/dns/dns.h"
#include "worker/dns/signatures.h"
#include "worker/lookups/domains.h"
#include "worker/lookups/wanted.h"
#include "worker/peers/accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What is kept for names that were found lately, and for lookups that are due: 1/n of all. */
#define RESERVE 8
/* The latter have no more in any case, of each kind of domain, */
#define BACKGROUND_MAX 64u
/* nor more than this while somebody waits for a lookup: libunbound does one after the other. */
#define BACKGROUND_BESIDE 8u
/* A domain may have 1/n of all lookups, and 1/n of a process's, but so many in any case. */
#define DOMAIN_SHARE 4
#define DOMAIN_SHARE_OF_PROCESS 2
#define DOMAIN_MIN 16

enum lookup_kind {
    LOOKUP_OF_STRANGER,
    LOOKUP_OF_KNOWN,     /* its name was found lately */
    LOOKUP_IN_BACKGROUND /* it was due */
};
#define LOOKUP_KINDS 3

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
    bool queued; /* its domain has no room yet */
    bool again;  /* in another context: what was kept in the first is over */
};

static TAILQ_HEAD(lookup_queue, lookup) by_age = TAILQ_HEAD_INITIALIZER(by_age); /* oldest first */
static unsigned in_flight[LOOKUP_KINDS];
static struct lookups_limits limit;
static const char *broken;
static struct lookups_counters counters;
static long long moment; /* of what is being done */

unsigned lookups_in_flight(void)
{
    unsigned sum = 0;

    for (size_t i = 0; i < LOOKUP_KINDS; i++)
        sum += in_flight[i];
    return sum;
}

/* What may be in flight of what is due, in each of the lines of domains.h. */
static unsigned background_room(void)
{
    unsigned room = limit.lookups / RESERVE / 2;

    room = room > BACKGROUND_MAX ? BACKGROUND_MAX : room;
    return room > 0 ? room : 1;
}

static unsigned room_now(void)
{
    unsigned room = background_room();
    bool beside = in_flight[LOOKUP_OF_STRANGER] + in_flight[LOOKUP_OF_KNOWN] > 0;

    if (broken != NULL || lookups_in_flight() >= limit.lookups)
        return 0;
    return beside && room > BACKGROUND_BESIDE ? BACKGROUND_BESIDE : room;
}

static void take_out(struct lookup *l)
{
    if (!l->queued)
        return;
    l->queued = false;
    TAILQ_REMOVE(&l->domain->waiting, l, line);
    l->domain->queued--;
    domain_put(l->domain, moment);
}

/* Of a lookup that nobody waits for. Its name is left unsettled. */
static void remove_lookup(struct lookup *l)
{
    if (l->queued)
        take_out(l);
    else
        domain_end(l->domain, l->kind == LOOKUP_IN_BACKGROUND, moment);
    l->name->lookup = NULL;
    TAILQ_REMOVE(&by_age, l, age);
    in_flight[l->kind]--;
    if (l->account != NULL)
        account_end_lookup(l->account);
    free(l);
}

/* A waiter has gone: a lookup that has not begun goes with the last one. */
static void left(struct lookup *l)
{
    struct name *name = l->name;

    if (!l->queued || !LIST_EMPTY(&l->waiting))
        return;
    remove_lookup(l);
    name_settle(name);
}

void lookups_open(struct lookups_limits limits, const char *unavailable, lookups_deliver *deliver)
{
    limit = limits;
    broken = unavailable;
    counters = (struct lookups_counters){0};
    waiters_open(deliver, left);
    wanted_open();
    if ((!names_open() || !domains_open(background_room() / 2)) && broken == NULL)
        broken = "no memory or no random numbers for the table of names";
}

void lookups_close(void)
{
    struct lookup *l;

    while ((l = TAILQ_FIRST(&by_age)) != NULL) {
        waiters_drop(&l->waiting);
        if (!l->queued)
            dns_cancel(l->context, l->id);
        remove_lookup(l);
    }
    waiters_close();
    names_close();
    domains_close();
}

static void on_result(void *arg, int error, struct ub_result *result);
static void begin_queued(struct domain *domain);

/* l has come to its end with this answer. */
static void conclude(struct lookup *l, struct dance_wire_answer *answer)
{
    static const enum domain_answer said[] = {
        [DANCE_WIRE_SECURE] = DOMAIN_ANSWERED,   [DANCE_WIRE_ABSENT] = DOMAIN_ANSWERED,
        [DANCE_WIRE_INSECURE] = DOMAIN_ANSWERED, [DANCE_WIRE_BOGUS] = DOMAIN_BOGUS,
        [DANCE_WIRE_FAILED] = DOMAIN_SILENT,     [DANCE_WIRE_BUSY] = DOMAIN_SILENT};
    struct name *name = l->name;
    struct domain *domain = l->domain;

    counters.ended++;
    counters.secure += answer->status == DANCE_WIRE_SECURE;
    domain_said(domain, said[answer->status], moment);
    if (answer->status == DANCE_WIRE_ABSENT || answer->status == DANCE_WIRE_INSECURE) {
        wanted_denied(name, answer->ttl, moment);
        if (answer->ttl > limit.denial_ttl)
            answer->ttl = limit.denial_ttl;
    }
    name_keep(name, answer);
    if (answer->status == DANCE_WIRE_SECURE)
        wanted_found(name, answer->ttl, l->context, moment);
    else if (said[answer->status] != DOMAIN_ANSWERED)
        wanted_failed(name, moment);
    waiters_answer(&l->waiting, answer);
    remove_lookup(l);
    name_settle(name);
    begin_queued(domain);
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
        l->context = l->context == DNS_FOR_SUSPECTS ? DNS_FOR_STRANGERS : DNS_FOR_SUSPECTS;
        (void)snprintf(name, sizeof(name), "%s.", name_text(l->name));
        if (dns_start(l->context, name, DNS_TYPE_TLSA, l, on_result, &l->id) == 0)
            return false;
    }
    classify_failure(answer, reason, DANCE_WIRE_BOGUS, "the record's signature has expired");
    return true;
}

/*
 * Where more is to be asked before somebody is told (why an answer is insecure),
 * l can go on in place of conclude(): it is in flight, with its waiters and
 * within its bounds, until conclude() is called for it or it is given up.
 */
static void on_result(void *arg, int error, struct ub_result *result)
{
    struct lookup *l = arg;
    struct dance_wire_answer answer;
    struct classify_reason reason;

    classify_result(&answer, &reason, error, result);
    if (check_signatures(l, &answer, &reason, result))
        conclude(l, &answer);
    ub_resolve_free(result);
}

int lookups_take_results(int context, long long now_ms)
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
        return l->name->context == DNS_FOR_KNOWN ? DNS_FOR_STRANGERS : DNS_FOR_KNOWN;
    return l->domain->known ? DNS_FOR_KNOWN : DNS_FOR_STRANGERS;
}

/* Give it to libunbound: 0, or an error. */
static int start(struct lookup *l)
{
    char name[DANCE_NAME_MAX + 2];
    int error;

    /* The trailing dot keeps every search list out of it. */
    (void)snprintf(name, sizeof(name), "%s.", name_text(l->name));
    l->context = context_of(l);
    take_out(l);
    domain_begin(l->domain, l->kind == LOOKUP_IN_BACKGROUND, moment);
    /* Never calls on_result() itself: results come by dns_process(). */
    error = dns_start(l->context, name, DNS_TYPE_TLSA, l, on_result, &l->id);
    return error;
}

/* Begin what waits for room in a domain, as far as there is some. */
static void begin_queued(struct domain *domain)
{
    struct lookup *l;

    while ((l = TAILQ_FIRST(&domain->waiting)) != NULL && domain_has_room(domain, moment)) {
        int error = start(l);
        struct dance_wire_answer answer;
        struct classify_reason reason;
        struct name *name = l->name;

        if (error == 0)
            continue;
        classify_failure(&answer, &reason, DANCE_WIRE_FAILED, ub_strerror(error));
        waiters_answer(&l->waiting, &answer);
        remove_lookup(l);
        name_settle(name);
    }
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
static const char *refusal(const struct domain *domain, enum lookup_kind kind,
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
    if (kind == LOOKUP_OF_STRANGER && domain->lookups + domain->queued >= domain_limit()) {
        counters.busy_domain++;
        return "too many lookups in this domain are in flight";
    }
    return NULL;
}

/*
 * Begin a lookup, or put it in line; NULL with *why set when that fails. asker:
 * to be charged, or NULL for the background.
 */
static struct lookup *begin(struct name *name, struct domain *domain, enum lookup_kind kind,
                            const struct lookups_asker *asker, const char **why)
{
    struct lookup *l = calloc(1, sizeof(*l));
    int error;

    *why = "out of memory";
    if (l == NULL)
        return NULL;
    LIST_INIT(&l->waiting);
    l->name = name;
    l->domain = domain;
    l->kind = kind;
    l->begun_ms = moment;
    l->account = asker != NULL ? asker->account : NULL;
    name->lookup = l;
    TAILQ_INSERT_TAIL(&by_age, l, age);
    in_flight[kind]++;
    if (l->account != NULL)
        account_begin_lookup(l->account);
    if (asker != NULL && (domain->queued > 0 || !domain_has_room(domain, moment))) {
        l->queued = true;
        TAILQ_INSERT_TAIL(&domain->waiting, l, line);
        domain->queued++;
        domain_put(domain, moment);
        return l;
    }
    error = start(l);
    if (error == 0)
        return l;
    *why = ub_strerror(error);
    remove_lookup(l);
    return NULL;
}

/* Answer from what is kept. */
static bool answer_at_once(struct lookups_asker *asker, uint32_t id, struct name *name)
{
    struct dance_wire_answer answer;

    if (!name_kept(name, &answer))
        return false;
    counters.hits++;
    wanted_asked(name, moment);
    answer.id = id;
    waiters_deliver(asker, &answer);
    return true;
}

/* Nobody waits for a lookup that is older than what he would wait for a new one. */
static void join(struct lookup *l, struct lookups_asker *asker,
                 const struct dance_wire_query *query)
{
    char text[64];

    if (moment - l->begun_ms >= query->timeout_ms) {
        /* An event loop that asks again and again would wait for it again and again. */
        counters.silent++;
        (void)snprintf(text, sizeof(text), "no answer from the DNS for %lld ms",
                       moment - l->begun_ms);
        waiters_refuse(asker, query->id, DANCE_WIRE_FAILED, 0, text);
    } else if (!waiters_add(&l->waiting, l, asker, query, l->begun_ms + query->timeout_ms)) {
        left(l);
        waiters_refuse(asker, query->id, DANCE_WIRE_FAILED, 0, "out of memory");
    }
}

static void ask_dns(struct lookups_asker *asker, const struct dance_wire_query *query,
                    struct name *name)
{
    bool known = name_known(name);
    enum lookup_kind kind = known ? LOOKUP_OF_KNOWN : LOOKUP_OF_STRANGER;
    struct domain *domain = domain_of(name_text(name), name->entry.len, known, moment);
    const char *why = domain != NULL ? refusal(domain, kind, asker) : NULL;
    struct lookup *l = NULL;

    if (why != NULL) {
        name_settle(name);
        waiters_refuse(asker, query->id, DANCE_WIRE_BUSY, 0, why);
        return;
    }
    why = "out of memory";
    if (domain != NULL)
        l = begin(name, domain, kind, asker, &why);
    if (l != NULL) {
        join(l, asker, query);
        return;
    }
    name_settle(name);
    waiters_refuse(asker, query->id, DANCE_WIRE_FAILED, 0, why);
}

void lookups_ask(struct lookups_asker *asker, const struct dance_wire_query *query,
                 long long now_ms)
{
    char lower[DANCE_NAME_MAX + 1];
    struct name *name;

    moment = now_ms;
    counters.asked++;
    if (broken != NULL) {
        waiters_refuse(asker, query->id, DANCE_WIRE_FAILED, CLASSIFY_FAILURE_TTL, broken);
        return;
    }
    dance_owner_name_lower(lower, query->name, query->name_len);
    name = names_make(lower, query->name_len);
    if (name == NULL) {
        waiters_refuse(asker, query->id, DANCE_WIRE_FAILED, 0, "out of memory");
    } else if (answer_at_once(asker, query->id, name)) {
        return;
    } else if (name->lookup == NULL) {
        ask_dns(asker, query, name);
    } else {
        counters.joined++;
        join(name->lookup, asker, query);
    }
}

void lookups_want(const char *name, size_t len, long long now_ms)
{
    char lower[DANCE_NAME_MAX + 1];
    struct name *n;

    dance_owner_name_lower(lower, name, len);
    n = names_find(lower, len);
    if (n == NULL)
        return;
    wanted_asked(n, now_ms);
    name_settle(n);
}

void lookups_forget(struct lookups_asker *asker)
{
    waiters_forget(asker);
}

/* So that nobody waits for it any more when a lookup is given up. */
_Static_assert(DANCE_WIRE_TIMEOUT_MAX <= LOOKUPS_LIFETIME_MS, "nobody waits for longer");

static void give_up(struct lookup *l)
{
    struct name *name = l->name;
    struct domain *domain = l->domain;

    dns_cancel(l->context, l->id);
    counters.dropped++;
    domain_said(domain, DOMAIN_SILENT, moment);
    wanted_failed(name, moment);
    remove_lookup(l);
    name_settle(name);
    begin_queued(domain);
}

/* Begin the lookups that are due, as far as there is room. */
static void renew(void)
{
    const char *why;
    struct name *name;

    while ((name = wanted_due(room_now(), moment)) != NULL) {
        struct domain *domain;

        if (name->lookup != NULL)
            continue; /* its result will do */
        counters.renewed++;
        domain = domain_of(name_text(name), name->entry.len, name_known(name), moment);
        if (domain == NULL || begin(name, domain, LOOKUP_IN_BACKGROUND, NULL, &why) == NULL) {
            wanted_failed(name, moment);
            name_settle(name);
        }
    }
}

void lookups_expire(long long now_ms)
{
    struct lookup *l;

    moment = now_ms;
    counters.late += waiters_expire(now_ms);
    while ((l = TAILQ_FIRST(&by_age)) != NULL && l->begun_ms + LOOKUPS_LIFETIME_MS <= now_ms)
        give_up(l);
    renew();
}

/* The earlier of two waits in milliseconds, of which -1 is none. */
static long long earlier(long long wait, long long other)
{
    return wait < 0 || (other >= 0 && other < wait) ? other : wait;
}

int lookups_wait_ms(long long now_ms)
{
    const struct lookup *l = TAILQ_FIRST(&by_age);
    long long first = waiters_first_ms();
    long long wait = domains_wait_ms(room_now(), now_ms);

    if (first >= 0)
        wait = earlier(wait, first > now_ms ? first - now_ms : 0);
    if (l != NULL && l->begun_ms + LOOKUPS_LIFETIME_MS > now_ms)
        wait = earlier(wait, l->begun_ms + LOOKUPS_LIFETIME_MS - now_ms);
    else if (l != NULL)
        wait = 0;
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
