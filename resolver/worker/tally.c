/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/tally.h"

#include "worker/lookups/lookups.h"
#include "worker/lookups/names.h"
#include "worker/lookups/wanted.h"
#include "worker/peers/accounts.h"

#include <stddef.h>

/* Two counters may be of one figure. */
static const struct {
    enum dance_figure figure;
    size_t counter;
} rows[] = {
    {DANCE_ANSWERED_AT_ONCE, offsetof(struct lookups_counters, hits)},
    {DANCE_ANSWERED_TOGETHER, offsetof(struct lookups_counters, joined)},
    {DANCE_ANSWERED_LATE, offsetof(struct lookups_counters, late)},
    {DANCE_ANSWERED_LATE, offsetof(struct lookups_counters, silent)},
    {DANCE_REFUSED_OF_ALL, offsetof(struct lookups_counters, busy)},
    {DANCE_REFUSED_OF_PROCESS, offsetof(struct lookups_counters, busy_client)},
    {DANCE_REFUSED_OF_DOMAIN, offsetof(struct lookups_counters, busy_domain)},
    {DANCE_DNS_LOOKUPS, offsetof(struct lookups_counters, ended)},
    {DANCE_DNS_AHEAD, offsetof(struct lookups_counters, renewed)},
    {DANCE_DNS_GIVEN_UP, offsetof(struct lookups_counters, dropped)},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct figures *figures;
static unsigned long long before[ROWS];

void tally_open(struct figures *of)
{
    figures = of;
}

void tally_publish(void)
{
    const char *counters = (const char *)lookups_counters();

    for (size_t i = 0; i < ROWS; i++) {
        unsigned long long now =
            *(const unsigned long long *)(const void *)(counters + rows[i].counter);

        if (now == before[i])
            continue;
        figures_add(figures, rows[i].figure, now - before[i]);
        before[i] = now;
    }
    figures_set(figures, DANCE_LOOKUPS_IN_FLIGHT, lookups_in_flight());
    figures_set(figures, DANCE_NAMES_KEPT, names_kept());
    figures_set(figures, DANCE_NAMES_HELD, wanted_held());
    figures_set(figures, DANCE_CONVERSATIONS, accounts_peers());
    figures_set(figures, DANCE_PROCESSES, accounts_processes());
}
