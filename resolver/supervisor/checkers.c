/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/checkers.h"

#define INTERVAL_MS 1000

bool checkers_may_start(struct checkers *checkers, long long now_ms)
{
    if (now_ms - checkers->begun_ms >= INTERVAL_MS) {
        checkers->begun_ms = now_ms;
        checkers->starts = 0;
    }
    if (checkers->running == CHECKERS_MAX || checkers->starts == CHECKERS_STARTS_MAX)
        return false;
    checkers->starts++;
    return true;
}

void checkers_started(struct checkers *checkers, pid_t pid)
{
    checkers->pid[checkers->running++] = pid;
}

bool checkers_ended(struct checkers *checkers, pid_t pid)
{
    for (unsigned i = 0; i < checkers->running; i++) {
        if (checkers->pid[i] != pid)
            continue;
        checkers->pid[i] = checkers->pid[--checkers->running];
        return true;
    }
    return false;
}
