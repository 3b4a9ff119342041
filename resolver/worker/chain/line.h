/*
 * line.h: the chains that wait for a checker, and which is the next one.
 *
 * They are bounded, in all and of one process, and processes take turns: who brings many waits for
 * himself, and not who brings one.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CHAIN_LINE_H
#define DANCE_CHAIN_LINE_H

#include "worker/lookups/deadlines.h"
#include "worker/lookups/waiters.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* A chain that waits for its check, or is checked. */
struct chain_job {
    struct deadline deadline; /* first, so that it is the job's address */
    TAILQ_ENTRY(chain_job) line;
    LIST_ENTRY(chain_job) same_asker;
    struct lookups_asker *asker; /* NULL: it has gone, or was told something else */
    uint32_t id;                 /* the asker's; the message has the number */
    uint32_t number;
    uint32_t timeout_ms;
    long long begun_ms;
    bool only;
    bool queued;
    size_t len;
    uint8_t message[]; /* for the checker */
};

/* There is no room for one more of this asker's. */
bool line_is_full(const struct lookups_asker *asker);

void line_put(struct chain_job *job);

/* It waits no more, if it did. */
void line_leave(struct chain_job *job);

/* Who is next, and stays in line until he leaves it; he has an asker. NULL: nobody waits. */
struct chain_job *line_next(void);

/* Its check begins: it leaves, and its process has had its turn. */
void line_take(struct chain_job *job);

#endif
