/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/lookups/waiters.h"

#include "worker/dns/classify.h"
#include "worker/lookups/deadlines.h"

#include <stdio.h>
#include <stdlib.h>

/* One query that waits for a lookup. */
struct waiter {
    struct deadline deadline; /* first, so that it is the waiter's address */
    LIST_ENTRY(waiter) same_lookup;
    LIST_ENTRY(waiter) same_asker;
    struct lookup *lookup;
    struct lookups_asker *asker;
    uint32_t id;
    uint32_t timeout_ms;
    bool insecure; /* so much is known of the answer */
};

static struct deadlines deadlines;
static lookups_deliver *deliver_to;
static void (*left_by)(struct lookup *lookup);

void waiters_open(lookups_deliver *deliver)
{
    deliver_to = deliver;
}

void waiters_left(void left(struct lookup *lookup))
{
    left_by = left;
}

void waiters_close(void)
{
    deadlines_free(&deadlines);
}

static void drop(struct waiter *w)
{
    deadlines_remove(&deadlines, &w->deadline);
    LIST_REMOVE(w, same_lookup);
    LIST_REMOVE(w, same_asker);
    free(w);
}

/* The analyzer does not follow LIST_REMOVE() through le_prev, here and below. */
void waiters_drop(struct waiters *waiters)
{
    while (!LIST_EMPTY(waiters))
        drop(LIST_FIRST(waiters)); // NOLINT(clang-analyzer-unix.Malloc)
}

void waiters_insecure(struct waiters *waiters)
{
    struct waiter *w;

    LIST_FOREACH(w, waiters, same_lookup)
    {
        w->insecure = true; // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
    }
}

/* w goes without the answer. */
static void leave(struct waiter *w)
{
    struct lookup *lookup = w->lookup;

    drop(w);
    left_by(lookup);
}

bool waiters_add(struct waiters *waiters, struct lookup *lookup, struct lookups_asker *asker,
                 const struct dance_wire_query *query, long long at_ms)
{
    struct waiter *w = calloc(1, sizeof(*w));

    if (w == NULL || !deadlines_add(&deadlines, &w->deadline, at_ms)) {
        free(w);
        return false;
    }
    w->lookup = lookup;
    w->asker = asker;
    w->id = query->id;
    w->timeout_ms = query->timeout_ms;
    LIST_INSERT_HEAD(&asker->waiting, w, same_asker);
    LIST_INSERT_HEAD(waiters, w, same_lookup);
    return true;
}

void waiters_forget(struct lookups_asker *asker)
{
    while (!LIST_EMPTY(&asker->waiting))
        leave(LIST_FIRST(&asker->waiting)); // NOLINT(clang-analyzer-unix.Malloc)
}

/*
 * Delivering may end the asker, which then forgets its other waiters, that is,
 * changes the list; taking the first again and again stands that.
 */
void waiters_answer(struct waiters *waiters, struct dance_wire_answer *answer)
{
    while (!LIST_EMPTY(waiters)) {
        struct waiter *w = LIST_FIRST(waiters);
        struct lookups_asker *asker = w->asker; // NOLINT(clang-analyzer-unix.Malloc)

        answer->id = w->id;
        drop(w);
        deliver_to(asker, answer);
    }
}

void waiters_deliver(struct lookups_asker *asker, const struct dance_wire_answer *answer)
{
    deliver_to(asker, answer);
}

void waiters_refuse(struct lookups_asker *asker, uint32_t id, enum dance_wire_status status,
                    uint32_t ttl, const char *text)
{
    struct dance_wire_answer answer;
    struct classify_reason reason;

    classify_failure(&answer, &reason, status, text);
    answer.ttl = ttl;
    answer.id = id;
    deliver_to(asker, &answer);
}

unsigned waiters_expire(long long now_ms)
{
    struct waiter *w;
    unsigned told = 0;
    char text[64];

    for (; (w = (struct waiter *)(void *)deadlines_first(&deadlines)) != NULL
           && w->deadline.at_ms <= now_ms;
         told++) {
        struct lookups_asker *asker = w->asker;
        uint32_t id = w->id;

        enum dance_wire_status status = w->insecure ? DANCE_WIRE_INSECURE : DANCE_WIRE_FAILED;

        (void)snprintf(text, sizeof(text), "no answer from the DNS within %u ms", w->timeout_ms);
        leave(w);
        /* The lookup goes on, and whoever asks for it now is told at once that it does. */
        waiters_refuse(asker, id, status, 0,
                       status == DANCE_WIRE_INSECURE ? CLASSIFY_INSECURE : text);
    }
    return told;
}

long long waiters_first_ms(void)
{
    const struct deadline *d = deadlines_first(&deadlines);

    return d != NULL ? d->at_ms : -1;
}
