/*
 * repeats.h: how often the same is said.
 *
 * Ten times within a second; what comes then is counted for ten seconds, and the
 * number said once. A scanner fills no log, and what an operator sees of it is
 * where it came from and how much there was.
 *
 * One word that changes as a whole: no lock that a forked child could find taken, and
 * no memory. The clock is the caller's.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_REPEATS_H
#define DANCE_SERVER_REPEATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define DANCE_REPEATS_SAID 10u        /* as often as this ... */
#define DANCE_REPEATS_WITHIN_MS 1000u /* ... within this time, */
#define DANCE_REPEATS_COUNT_MS 10000u /* and then it is counted for so long */

/* Zeroed: nothing was said yet. */
struct dance_repeats {
    _Atomic(uint64_t) word;
};

/* What was counted, and within how many seconds; 0 times: nothing. */
struct dance_repeats_rest {
    unsigned times;
    unsigned seconds;
};

/* It happens, at now (dance_now_ms()): true if it is to be said, behind rest. */
bool dance_repeats_happens(struct dance_repeats *repeats, long long now,
                           struct dance_repeats_rest *rest);

/* What was counted, if its time is over or end says that all is: it is forgotten then. */
struct dance_repeats_rest dance_repeats_take(struct dance_repeats *repeats, long long now,
                                             bool end);

/* Forget everything: it is another process's. */
void dance_repeats_forget(struct dance_repeats *repeats);

#endif
