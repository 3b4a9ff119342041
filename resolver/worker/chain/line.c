/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/chain/line.h"

#include "worker/peers/accounts.h"

#define WAITING_MAX 256u
#define WAITING_OF_PROCESS_MAX 128u

static TAILQ_HEAD(line, chain_job) waiting = TAILQ_HEAD_INITIALIZER(waiting);
static unsigned count;
static unsigned long long turns;

bool line_is_full(const struct lookups_asker *asker)
{
    return count >= WAITING_MAX
           || (asker->account != NULL && asker->account->chains >= WAITING_OF_PROCESS_MAX);
}

void line_put(struct chain_job *job)
{
    TAILQ_INSERT_TAIL(&waiting, job, line);
    count++;
    job->queued = true;
}

void line_leave(struct chain_job *job)
{
    if (!job->queued)
        return;
    TAILQ_REMOVE(&waiting, job, line);
    count--;
    job->queued = false;
}

/* When the process that waits for it had its last turn. */
static unsigned long long *turn_of(const struct chain_job *job)
{
    static unsigned long long of_nobody;

    return job->asker->account != NULL ? &job->asker->account->chain_turn : &of_nobody;
}

struct chain_job *line_next(void)
{
    struct chain_job *first = TAILQ_FIRST(&waiting);
    struct chain_job *job;

    TAILQ_FOREACH(job, &waiting, line)
    {
        // cppcheck-suppress uninitvar ; TAILQ_FOREACH sets it
        if (*turn_of(job) < *turn_of(first))
            first = job;
    }
    return first;
}

void line_take(struct chain_job *job)
{
    *turn_of(job) = ++turns;
    line_leave(job);
}
