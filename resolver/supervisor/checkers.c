/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/checkers.h"

#include <string.h>

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

pid_t checkers_in_the_way(const struct checkers *checkers)
{
    return checkers->running == CHECKERS_MAX ? checkers->pid[0] : 0;
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
        checkers->running--;
        memmove(&checkers->pid[i], &checkers->pid[i + 1],
                (checkers->running - i) * sizeof(checkers->pid[0]));
        return true;
    }
    return false;
}
