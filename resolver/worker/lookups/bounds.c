/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/lookups/bounds.h"

#include "worker/peers/accounts.h"

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

static struct lookups_limits limit;
static unsigned in_flight[LOOKUP_KINDS];

void bounds_open(const struct lookups_limits *limits)
{
    limit = *limits;
}

void bounds_begin(enum lookup_kind kind, struct account *account)
{
    in_flight[kind]++;
    if (account != NULL)
        account_begin_lookup(account);
}

void bounds_end(enum lookup_kind kind, struct account *account)
{
    in_flight[kind]--;
    if (account != NULL)
        account_end_lookup(account);
}

static unsigned of_askers(void)
{
    return in_flight[LOOKUP_OF_STRANGER] + in_flight[LOOKUP_OF_KNOWN];
}

unsigned lookups_in_flight(void)
{
    return of_askers() + in_flight[LOOKUP_IN_BACKGROUND];
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

enum bounds_reached bounds_reached(enum lookup_kind kind, const struct account *account,
                                   const struct domain *domain)
{
    bool stranger = kind == LOOKUP_OF_STRANGER;

    if (lookups_in_flight() >= limit.lookups
        || (stranger && in_flight[kind] >= part(limit.lookups, kind)))
        return BOUNDS_OF_ALL;
    if (account != NULL && account->lookups >= part(limit.lookups_per_client, kind))
        return BOUNDS_OF_PROCESS;
    if (stranger && domain->lookups + domain->queued >= domain_limit())
        return BOUNDS_OF_DOMAIN;
    return BOUNDS_NONE;
}

unsigned bounds_background(void)
{
    unsigned room = limit.lookups / RESERVE / 2;

    room = room > BACKGROUND_MAX ? BACKGROUND_MAX : room;
    return room > 0 ? room : 1;
}

unsigned bounds_background_now(void)
{
    unsigned room = bounds_background();

    if (lookups_in_flight() >= limit.lookups)
        return 0;
    return of_askers() > 0 && room > BACKGROUND_BESIDE ? BACKGROUND_BESIDE : room;
}
