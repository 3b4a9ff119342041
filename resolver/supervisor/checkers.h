/*
 * checkers.h: how many checkers (worker/chain/checker.h) a user's worker may have. Pure.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CHECKERS_H
#define DANCE_CHECKERS_H

#include <stdbool.h>
#include <sys/types.h>

/* Two that work, and as many that are about to end. */
#define CHECKERS_MAX 4u
/* So that chains which end their checker do not keep the supervisor busy: in a second. */
#define CHECKERS_STARTS_MAX 8u

struct checkers {
    pid_t pid[CHECKERS_MAX]; /* as they were started */
    unsigned running;
    long long begun_ms; /* when the first of these was started: */
    unsigned starts;
};

/* Another one may be started now; it counts as a start. */
bool checkers_may_start(struct checkers *checkers, long long now_ms);

/*
 * Where there are as many as there may be, the first of them, to be killed: a worker that wants one
 * has no more than one of them, and others are stuck where they use no processor time, which would
 * end them. 0: there is room.
 */
pid_t checkers_in_the_way(const struct checkers *checkers);

void checkers_started(struct checkers *checkers, pid_t pid);

/* A process has ended: true if it was one of these. */
bool checkers_ended(struct checkers *checkers, pid_t pid);

#endif
