/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/lookups/wanted.h"

#include "worker/lookups/domains.h"

/* Looked up again so long before the end: a tenth of the TTL, within these bounds. */
#define LEAD_MIN_MS 2000
#define LEAD_MAX_MS 300000
#define TTL_MIN_MS 5000 /* what ends sooner is not worth it */
/* A held name that has no records is looked at again after its TTL, within these bounds. */
#define DENIED_MIN_MS 30000
#define DENIED_MAX_MS 3600000
#define FAILED_MS 30000
#define AGAIN_MIN_MS 5000LL
/* Names that turn out to be wanted by nobody, before others have their turn. */
#define SLICE 256u

static unsigned count;
static unsigned held;

void wanted_open(void)
{
    count = held = 0;
}

/* Not due any more. */
static void withdraw(struct name *n, long long now_ms)
{
    if (n->domain != NULL)
        domain_remove(n->domain, &n->due, now_ms);
    n->domain = NULL;
}

/* It is unsettled then. */
static void unwant(struct name *n, long long now_ms)
{
    withdraw(n, now_ms);
    count--;
    n->wanted = n->asked = n->asked_since = false;
    n->until_ms = 0;
}

static bool want(struct name *n)
{
    if (n->wanted)
        return true;
    if (count - held >= WANTED_POPULAR_MAX)
        return false;
    n->wanted = true;
    count++;
    return true;
}

/* Due at at_ms; a name for which there is no memory is forgotten, unless somebody holds it. */
static void schedule(struct name *n, long long at_ms, long long now_ms)
{
    struct domain *domain = domain_of(name_text(n), n->entry.len, name_known(n), now_ms);

    withdraw(n, now_ms);
    if (domain != NULL && domain_add(domain, &n->due, at_ms, now_ms))
        n->domain = domain;
    else if (n->holds == 0)
        unwant(n, now_ms);
}

static long long within(long long ms, long long low, long long high)
{
    return ms < low ? low : (ms > high ? high : ms);
}

void wanted_found(struct name *n, uint32_t ttl, int context, long long now_ms)
{
    long long life = (long long)ttl * 1000;
    long long lead = within(life / 10, LEAD_MIN_MS, LEAD_MAX_MS);

    if (!n->wanted && (life < TTL_MIN_MS || !want(n)))
        return;
    /* Whoever asked while it was looked up again counts for what was found now. */
    n->asked = n->asked_since;
    n->asked_since = false;
    n->context = (uint8_t)context;
    n->until_ms = now_ms + life;
    if (life >= TTL_MIN_MS)
        schedule(n, n->until_ms - lead, now_ms);
    else if (n->holds > 0)
        schedule(n, now_ms + DENIED_MIN_MS, now_ms);
    else
        unwant(n, now_ms);
}

/* Look at it again after a while if somebody holds it. */
static void again(struct name *n, long long after_ms, long long now_ms)
{
    if (n->holds > 0)
        schedule(n, now_ms + after_ms, now_ms);
    else
        unwant(n, now_ms);
}

void wanted_denied(struct name *n, uint32_t ttl, long long now_ms)
{
    if (!n->wanted)
        return;
    n->until_ms = 0;
    again(n, within((long long)ttl * 1000, DENIED_MIN_MS, DENIED_MAX_MS), now_ms);
}

void wanted_failed(struct name *n, long long now_ms)
{
    long long left = n->until_ms - now_ms;

    if (!n->wanted)
        return;
    if (left > 2 * AGAIN_MIN_MS)
        schedule(n, now_ms + within(left / 2, AGAIN_MIN_MS, FAILED_MS), now_ms);
    else
        again(n, FAILED_MS, now_ms);
}

void wanted_asked(struct name *n, long long now_ms)
{
    if (!n->wanted)
        return;
    /* Not when it waits for its time: that is of what was found. */
    n->asked_since = n->domain == NULL;
    if (n->asked)
        return;
    n->asked = true;
    /* It was due already, and nobody had asked: now somebody has. */
    if (n->domain != NULL && n->due.at_ms == n->until_ms)
        schedule(n, now_ms, now_ms);
}

struct name *wanted_hold(const char *name, size_t len, long long now_ms)
{
    struct name *n = held < WANTED_HELD_MAX ? names_make(name, len) : names_find(name, len);

    if (n == NULL || (n->holds == 0 && held >= WANTED_HELD_MAX))
        return NULL;
    if (n->holds++ > 0)
        return n;
    held++;
    count += !n->wanted;
    n->wanted = true;
    name_settle(n);
    if (n->until_ms == 0 && n->lookup == NULL)
        schedule(n, now_ms, now_ms);
    return n;
}

void wanted_release(struct name *n, long long now_ms)
{
    if (--n->holds > 0)
        return;
    held--;
    if (n->until_ms <= now_ms || n->domain == NULL)
        unwant(n, now_ms);
    name_settle(n);
}

struct name *wanted_due(unsigned room, long long now_ms)
{
    struct deadline *due;

    for (unsigned i = 0; i < SLICE && (due = domains_next(room, now_ms)) != NULL; i++) {
        struct name *n = (struct name *)(void *)((char *)due - offsetof(struct name, due));

        if (n->holds > 0 || (n->asked && n->until_ms > now_ms)) {
            withdraw(n, now_ms);
            return n;
        }
        /* Nobody has asked yet: there is time until the end. */
        if (n->until_ms > now_ms)
            schedule(n, n->until_ms, now_ms);
        else
            unwant(n, now_ms);
        name_settle(n);
    }
    return NULL;
}

unsigned wanted_count(void)
{
    return count;
}

unsigned wanted_held(void)
{
    return held;
}
