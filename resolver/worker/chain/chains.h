/*
 * chains.h: who waits for which chain, and the processes that check them.
 *
 * What DNS said of the name, and is still believed, goes first: records unless the
 * chain alone is to decide, and a denial in any case. Then one of two checkers
 * (checker.h), which are asked for when there is something to check and sent away when there was
 * nothing for a while. What a chain says is the asker's alone: it is not kept here.
 * A chain that does not hold, or cannot be checked in time, leaves the rest of the
 * time to an ordinary lookup, unless it alone is to decide.
 *
 * Waiting chains are bounded, in all and of one process, and processes take turns. Nobody who asks
 * for a name waits for them.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CHAINS_H
#define DANCE_CHAINS_H

#include "dance_wire_chain.h"
#include "worker/lookups/waiters.h"

#include <stdbool.h>

struct chains_counters {
    unsigned long long asked;
    unsigned long long checked; /* and that held: */
    unsigned long long secure;
    unsigned long long busy; /* refused as too many */
    unsigned long long late; /* not checked in time */
};

/* Ask for a checker, which comes by chains_add_checker(), or never. */
typedef void chains_want(void);

/* epoll: where checkers are registered. */
void chains_open(int epoll, chains_want *want);
void chains_close(void);

/* Answer for asker, now or later. The name must have passed dance_owner_name_fault(). */
void chains_ask(struct lookups_asker *asker, const struct dance_wire_chain *chain,
                long long now_ms);

/* asker has gone: nothing is delivered to it any more. */
void chains_forget(struct lookups_asker *asker);

/* Take the socket of a checker, also on failure. */
void chains_add_checker(int fd, long long now_ms);

/* Act on an event whose data is a checker's. false: it is not. */
bool chains_event(void *data, long long now_ms);

/* Tell those whose time is up, and see to the checkers. */
void chains_expire(long long now_ms);

/* Milliseconds until chains_expire() has something to do; -1: not before something happens. */
int chains_wait_ms(long long now_ms);

const struct chains_counters *chains_counters(void);

#endif
