/*
 * users.h: who uses the resolver, the control channels (channels.h) that he has, and his worker.
 *
 * A user is a uid, as the kernel says it of a connection. All that he has is
 * served by one process of his own, the worker, which is started when he first
 * says something, and again when it has ended.
 *
 * Subordinate users (as containers have them), users who log in, system users and
 * root may have more and more of all channels and workers, in this order:
 * whatever those with higher numbers do, there is room for the others.
 *
 * What was counted of a user (figures.h) stays for a while when he has nothing any
 * more, of a bounded number of users.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_USERS_H
#define DANCE_USERS_H

#include "figures.h"
#include "generation.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct users_limits {
    unsigned channels; /* of all users */
    unsigned workers;  /* likewise */
};

/*
 * Be the worker of a user: runs in a process of its own, which ends with what it returns. page: by
 * which his applications learn that what they keep is void; figures: where it counts. Both outlive
 * the worker.
 */
typedef int users_work(uid_t uid, int link, const struct dance_generation *page,
                       struct figures *figures);

/* Likewise, a checker of a worker that has the other end of the socket. */
typedef int users_check(int socket);

/* epoll: where descriptors are registered, with a pointer for users_event(). */
void users_open(int epoll, struct users_limits limits, users_work *work, users_check *check);

/* Take a control channel of a user. false: he has too many, and it is closed. */
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

unsigned users_workers(void);

/* How many users reader may know of: root of all, others of themselves. */
unsigned users_known_to(uid_t reader);

/* Tell of them, of so many at the most, those first who may have more (see above). */
typedef void users_told(const struct dance_wire_status_of_user *user, void *arg);
void users_tell(uid_t reader, unsigned most, users_told *told, void *arg);

#endif
