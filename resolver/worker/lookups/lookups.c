/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/lookups/lookups.h"

#include "owner_name.h"
#include "worker/dns/classify.h"
#include "worker/lookups/domains.h"
#include "worker/lookups/wanted.h"

#include <limits.h>
#include <stdio.h>

static const char *broken;
static struct lookups_counters counters;

const char *lookups_open(struct lookups_limits limits, const char *unavailable,
                         lookups_deliver *deliver)
{
    broken = unavailable;
    counters = (struct lookups_counters){0};
    waiters_open(deliver);
    wanted_open();
    if ((!names_open() || !flight_open(limits, &counters)) && broken == NULL)
        broken = "no memory or no random numbers for the table of names";
    return broken;
}

void lookups_close(void)
{
    flight_close();
    waiters_close();
    names_close();
}

/* Answer from what is kept. */
static bool answer_at_once(struct lookups_asker *asker, uint32_t id, struct name *name,
                           long long now_ms)
{
    struct dance_wire_answer answer;

    if (!name_kept(name, &answer))
        return false;
    counters.hits++;
    wanted_asked(name, now_ms);
    answer.id = id;
    waiters_deliver(asker, &answer);
    return true;
}

bool lookups_answer_known(struct lookups_asker *asker, const struct dance_wire_query *query,
                          bool denials_only, long long now_ms)
{
    char lower[DANCE_NAME_MAX + 1];
    struct dance_wire_answer answer;
    struct name *name;

    if (broken != NULL)
        return false;
    dance_owner_name_lower(lower, query->name, query->name_len);
    name = names_find(lower, query->name_len);
    if (name == NULL || !name_kept(name, &answer))
        return false;
    if (answer.status != DANCE_WIRE_ABSENT && answer.status != DANCE_WIRE_INSECURE
        && (denials_only || answer.status != DANCE_WIRE_SECURE))
        return false;
    return answer_at_once(asker, query->id, name, now_ms);
}

static void join(struct lookup *l, struct lookups_asker *asker,
                 const struct dance_wire_query *query, long long now_ms)
{
    long long age_ms = now_ms - flight_begun_ms(l);
    char text[64];

    if (age_ms >= query->timeout_ms) {
        /* An event loop that asks again and again would wait for it again and again. */
        counters.silent++;
        (void)snprintf(text, sizeof(text), "no answer from the DNS for %lld ms", age_ms);
        waiters_refuse(asker, query->id, DANCE_WIRE_FAILED, 0, text);
    } else if (!flight_join(l, asker, query)) {
        waiters_refuse(asker, query->id, DANCE_WIRE_FAILED, 0, "out of memory");
    }
}

void lookups_ask(struct lookups_asker *asker, const struct dance_wire_query *query,
                 long long now_ms)
{
    enum dance_wire_status status = DANCE_WIRE_FAILED;
    const char *why = "out of memory";
    char lower[DANCE_NAME_MAX + 1];
    struct lookup *lookup = NULL;
    struct name *name;

    counters.asked++;
    if (broken != NULL) {
        waiters_refuse(asker, query->id, status, CLASSIFY_FAILURE_TTL, broken);
        return;
    }
    dance_owner_name_lower(lower, query->name, query->name_len);
    name = names_make(lower, query->name_len);
    if (name != NULL && answer_at_once(asker, query->id, name, now_ms))
        return;
    if (name != NULL && name->lookup != NULL) {
        counters.joined++;
        lookup = name->lookup;
    } else if (name != NULL) {
        lookup = flight_begin(name, asker, now_ms, &status, &why);
    }
    if (lookup != NULL) {
        join(lookup, asker, query, now_ms);
        return;
    }
    if (name != NULL)
        name_settle(name);
    waiters_refuse(asker, query->id, status, 0, why);
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

int lookups_take_results(int context, long long now_ms)
{
    return flight_take_results(context, now_ms);
}

/* For what is due. */
static unsigned room(void)
{
    return broken == NULL ? bounds_background_now() : 0;
}

/* Begin the lookups that are due, as far as there is room. */
static void renew(long long now_ms)
{
    enum dance_wire_status status;
    struct name *name;
    const char *why;

    while ((name = wanted_due(room(), now_ms)) != NULL) {
        if (name->lookup != NULL)
            continue; /* its result will do */
        counters.renewed++;
        if (flight_begin(name, NULL, now_ms, &status, &why) != NULL)
            continue;
        wanted_failed(name, now_ms);
        name_settle(name);
    }
}

void lookups_expire(long long now_ms)
{
    counters.late += waiters_expire(now_ms);
    flight_expire(now_ms);
    renew(now_ms);
}

/* The earlier of two moments, of which -1 is none. */
static long long earlier(long long one, long long other)
{
    return one < 0 || (other >= 0 && other < one) ? other : one;
}

int lookups_wait_ms(long long now_ms)
{
    long long first = earlier(waiters_first_ms(), flight_first_ms());
    long long wait = first < 0 ? -1 : first > now_ms ? first - now_ms : 0;

    wait = earlier(wait, domains_wait_ms(room(), now_ms));
    return wait > INT_MAX ? INT_MAX : (int)wait;
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
