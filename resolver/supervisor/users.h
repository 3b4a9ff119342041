/*
 * users.h: who uses the resolver (user.h), and what becomes of him and his worker.
 *
 * All that a user has is served by one process of his own, the worker, which is started
 * when he first says something, and again when it has ended.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_USERS_H
#define DANCE_USERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct users_limits {
    unsigned channels; /* of all users */
    unsigned workers;  /* likewise */
};

/* epoll: where channels are registered, with a pointer for users_event(), as links are. */
void users_open(int epoll, struct users_limits limits);

/* Take a control channel of a user. false: he has too many, or there is no memory; it stays the
 * caller's. */
bool users_add(uid_t uid, int fd);

/* Act on an event of a descriptor. One at a time: the next one's pointer may have been freed. */
void users_event(void *data, uint32_t events, long long now_ms);

/* A child of ours has ended with this status. */
void users_ended(pid_t pid, int status, long long now_ms);

/*
 * See whether the workers are alive, and whether who had to wait for one has waited enough. The
 * milliseconds after which that is to be done again; -1: not before something happens.
 */
int users_tick(long long now_ms);
#define USERS_PING_MS 10000  /* how often a worker is asked whether it is alive */
#define USERS_STUCK_MS 30000 /* when it is not, unless it has answered */

/* Everybody's workers log their counters. */
void users_log_counters(void);

/* All that was found is void, also in applications: every worker ends, and begins anew when needed.
 */
void users_forget(void);

/* Tell the workers to end in order, and give up all that is here. */
void users_close(void);

#endif
