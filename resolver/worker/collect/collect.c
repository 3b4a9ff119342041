/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/collect/collect.h"

#include "cache.h"
#include "owner_name.h"
#include "worker/collect/climb.h"
#include "worker/dns/classify.h"
#include "worker/lookups/deadlines.h"
#include "worker/peers/accounts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One query that waits for a collection. */
struct collect_waiter {
    struct deadline deadline; /* first, so that it is the waiter's address */
    LIST_ENTRY(collect_waiter) same_collection;
    LIST_ENTRY(collect_waiter) same_asker;
    struct lookups_asker *asker;
    uint32_t id;
    uint32_t timeout_ms;
};

/* A name, and what is known of its chain. */
struct collection {
    TAILQ_ENTRY(collection) order;
    LIST_HEAD(collect_waiters, collect_waiter) waiting;
    struct climb *climb;     /* under way, or NULL */
    struct account *account; /* charged for it, or NULL */
    long long begun_ms;
    long long until_ms; /* what it said last is worth so long, of CLOCK_BOOTTIME */
    struct dance_wire_collected said;
    char reason[DANCE_WIRE_REASON_MAX + 1];
    uint8_t *chain;
    char name[DANCE_NAME_MAX + 2]; /* with the trailing dot */
};

static TAILQ_HEAD(collections, collection) all = TAILQ_HEAD_INITIALIZER(all); /* last used first */
static unsigned kept, in_flight;
static struct deadlines deadlines;
static const char *broken;
static collect_deliver *deliver_to;
static unsigned long long asked;
static long long moment; /* of what is being done */

void collect_open(const char *unavailable, collect_deliver *deliver)
{
    broken = unavailable;
    deliver_to = deliver;
}

static void drop_waiter(struct collect_waiter *w)
{
    deadlines_remove(&deadlines, &w->deadline);
    LIST_REMOVE(w, same_collection);
    LIST_REMOVE(w, same_asker);
    free(w);
}

/* It is no longer under way. */
static void settle(struct collection *c)
{
    c->climb = NULL;
    in_flight--;
    if (c->account != NULL)
        account_end_lookup(c->account);
    c->account = NULL;
}

static void drop(struct collection *c)
{
    /* The analyzer does not follow LIST_REMOVE() through le_prev, here and below. */
    while (!LIST_EMPTY(&c->waiting))
        drop_waiter(LIST_FIRST(&c->waiting)); // NOLINT(clang-analyzer-unix.Malloc)
    if (c->climb != NULL) {
        climb_cancel(c->climb);
        settle(c);
    }
    TAILQ_REMOVE(&all, c, order);
    kept--;
    free(c->chain);
    free(c);
}

void collect_close(void)
{
    while (!TAILQ_EMPTY(&all))
        drop(TAILQ_FIRST(&all)); // NOLINT(clang-analyzer-unix.Malloc)
    deadlines_free(&deadlines);
    deadlines = (struct deadlines){0};
}

void collect_refuse(struct lookups_asker *asker, uint32_t id, enum dance_wire_status status,
                    uint32_t ttl, const char *text)
{
    struct dance_wire_collected collected = {
        .id = id, .status = status, .ttl = ttl, .reason = text, .reason_len = strlen(text)};

    if (collected.reason_len > DANCE_WIRE_REASON_MAX)
        collected.reason_len = DANCE_WIRE_REASON_MAX;
    deliver_to(asker, &collected);
}

/* Keep what was said, in place of what was before. A chain without memory for it is a failure. */
static void keep(struct collection *c, const struct dance_wire_collected *collected)
{
    static const char no_memory[] = "out of memory";
    uint8_t *chain = NULL;

    c->said = *collected;
    if (collected->chain_len > 0) {
        chain = malloc(collected->chain_len);
        if (chain != NULL)
            memcpy(chain, collected->chain, collected->chain_len);
        else
            c->said = (struct dance_wire_collected){.status = DANCE_WIRE_FAILED,
                                                    .ttl = CLASSIFY_FAILURE_TTL,
                                                    .reason = no_memory,
                                                    .reason_len = sizeof(no_memory) - 1};
    }
    free(c->chain);
    c->chain = chain;
    c->said.chain = chain;
    memcpy(c->reason, c->said.reason, c->said.reason_len);
    c->said.reason = c->reason;
    c->until_ms = dance_moment_now().boot + (long long)c->said.ttl * 1000;
}

/* What is kept, with what is left of its time. */
static void tell(const struct collection *c, struct lookups_asker *asker, uint32_t id)
{
    struct dance_wire_collected collected = c->said;
    long long left = c->until_ms - dance_moment_now().boot;

    collected.id = id;
    collected.ttl = left > 0 ? (uint32_t)((left + 999) / 1000) : 0;
    deliver_to(asker, &collected);
}

static void on_climbed(void *arg, const struct dance_wire_collected *collected)
{
    struct collection *c = arg;

    settle(c);
    keep(c, collected);
    /* Delivering may end the asker, and with him others of his: so the first again and again. */
    while (!LIST_EMPTY(&c->waiting)) {
        struct collect_waiter *w = LIST_FIRST(&c->waiting);
        struct lookups_asker *asker = w->asker; // NOLINT(clang-analyzer-unix.Malloc)
        uint32_t id = w->id;

        drop_waiter(w);
        tell(c, asker, id);
    }
}

/* One that is free to be dropped: nobody waits for it, and it was not used for the longest time. */
static bool make_room(void)
{
    struct collection *c;

    if (kept < COLLECT_KEPT_MAX)
        return true;
    TAILQ_FOREACH_REVERSE(c, &all, collections, order)
    {
        // cppcheck-suppress uninitvar ; TAILQ_FOREACH_REVERSE sets it
        if (c->climb == NULL)
            break;
    }
    if (c == NULL)
        return false;
    drop(c);
    return true;
}

static struct collection *find(const char *name)
{
    struct collection *c;

    TAILQ_FOREACH(c, &all, order)
    {
        // cppcheck-suppress uninitvar ; TAILQ_FOREACH sets it
        if (strcmp(c->name, name) == 0)
            break;
    }
    // cppcheck-suppress uninitvar ; as above
    return c;
}

/* Found or made, and the one that was used last; NULL when there is no room. */
static struct collection *take(const char *name)
{
    struct collection *c = find(name);

    if (c != NULL) {
        TAILQ_REMOVE(&all, c, order);
    } else {
        c = make_room() ? calloc(1, sizeof(*c)) : NULL;
        if (c == NULL)
            return NULL;
        LIST_INIT(&c->waiting);
        (void)snprintf(c->name, sizeof(c->name), "%s", name);
        kept++;
    }
    TAILQ_INSERT_HEAD(&all, c, order);
    return c;
}

static bool wait_for(struct collection *c, struct lookups_asker *asker,
                     const struct dance_wire_query *query)
{
    struct collect_waiter *w = calloc(1, sizeof(*w));

    if (w == NULL || !deadlines_add(&deadlines, &w->deadline, moment + query->timeout_ms)) {
        free(w);
        return false;
    }
    w->asker = asker;
    w->id = query->id;
    w->timeout_ms = query->timeout_ms;
    LIST_INSERT_HEAD(&asker->collecting, w, same_asker);
    LIST_INSERT_HEAD(&c->waiting, w, same_collection);
    return true;
}

/* Collect, unless that is under way. false when no lookup can be begun. */
static bool begin(struct collection *c, struct account *account)
{
    if (c->climb != NULL)
        return true;
    c->climb = climb_begin(c->name, on_climbed, c);
    if (c->climb == NULL)
        return false;
    c->begun_ms = moment;
    in_flight++;
    /* A climb is one lookup at a time. */
    c->account = account;
    if (account != NULL)
        account_begin_lookup(account);
    return true;
}

/* Why none can be begun for a process; NULL when one can. */
static const char *refusal(const struct account *account)
{
    const struct collection *c;
    unsigned of_process = 0;

    if (in_flight >= COLLECT_FLIGHT_MAX)
        return "too many chains are being collected";
    TAILQ_FOREACH(c, &all, order)
    {
        // cppcheck-suppress uninitvar ; TAILQ_FOREACH sets it
        of_process += account != NULL && c->climb != NULL && c->account == account;
    }
    return of_process >= COLLECT_PROCESS_MAX ? "too many chains of this process are being collected"
                                             : NULL;
}

void collect_ask(struct lookups_asker *asker, const struct dance_wire_query *query,
                 long long now_ms)
{
    char name[DANCE_NAME_MAX + 2];
    struct collection *c;
    const char *busy;

    moment = now_ms;
    asked++;
    if (broken != NULL) {
        collect_refuse(asker, query->id, DANCE_WIRE_FAILED, CLASSIFY_FAILURE_TTL, broken);
        return;
    }
    dance_owner_name_lower(name, query->name, query->name_len);
    memcpy(name + query->name_len, ".", 2);
    c = take(name);
    if (c != NULL && c->climb == NULL && c->until_ms > dance_moment_now().boot) {
        tell(c, asker, query->id);
        return;
    }
    busy = c == NULL || c->climb == NULL ? refusal(asker->account) : NULL;
    if (busy != NULL)
        collect_refuse(asker, query->id, DANCE_WIRE_BUSY, 0, busy);
    else if (c == NULL || !begin(c, asker->account) || !wait_for(c, asker, query))
        collect_refuse(asker, query->id, DANCE_WIRE_FAILED, 0, "out of memory");
}

void collect_forget(struct lookups_asker *asker)
{
    while (!LIST_EMPTY(&asker->collecting))
        drop_waiter(LIST_FIRST(&asker->collecting)); // NOLINT(clang-analyzer-unix.Malloc)
}

static void expire_waiters(long long now_ms)
{
    struct collect_waiter *w;
    char text[80];

    while ((w = (struct collect_waiter *)(void *)deadlines_first(&deadlines)) != NULL
           && w->deadline.at_ms <= now_ms) {
        struct lookups_asker *asker = w->asker;
        uint32_t id = w->id;

        (void)snprintf(text, sizeof(text), "the chain was not collected within %u ms",
                       w->timeout_ms);
        drop_waiter(w);
        collect_refuse(asker, id, DANCE_WIRE_FAILED, 0, text);
    }
}

/* The collection under way that was begun first, or NULL. */
static struct collection *oldest(void)
{
    struct collection *c;
    struct collection *found = NULL;

    TAILQ_FOREACH(c, &all, order)
    {
        // cppcheck-suppress uninitvar ; TAILQ_FOREACH sets it
        if (c->climb != NULL && (found == NULL || c->begun_ms < found->begun_ms))
            found = c;
    }
    return found;
}

void collect_expire(long long now_ms)
{
    struct collection *c;

    moment = now_ms;
    expire_waiters(now_ms);
    while ((c = oldest()) != NULL && c->begun_ms + COLLECT_LIFETIME_MS <= now_ms)
        drop(c);
}

int collect_wait_ms(long long now_ms)
{
    const struct deadline *d = deadlines_first(&deadlines);
    const struct collection *c = oldest();
    long long at_ms = c != NULL ? c->begun_ms + COLLECT_LIFETIME_MS : -1;

    if (d != NULL && (at_ms < 0 || d->at_ms < at_ms))
        at_ms = d->at_ms;
    if (at_ms < 0)
        return -1;
    if (at_ms <= now_ms)
        return 0;
    return at_ms - now_ms > INT_MAX ? INT_MAX : (int)(at_ms - now_ms);
}

unsigned long long collect_asked(void)
{
    return asked;
}
