/*
 * workers.h: the processes that work for users, and the links to them.
 *
 * A worker and a checker are copies of the supervisor, with nothing of what is here but
 * what is of their user. What becomes of a user when one begins or ends is for users.c.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_WORKERS_H
#define DANCE_WORKERS_H

#include "figures.h"
#include "generation.h"
#include "supervisor/channels.h"

#include <sys/queue.h>
#include <sys/types.h>

struct user;

struct worker {
    enum watched kind;
    LIST_ENTRY(worker) all;
    struct user *user;
    pid_t pid;
    int link;           /* -1: given up, to be waited for */
    long long asked_ms; /* since when an answer is due; 0: none is */
    long long since_ms; /* when it was started */
};

/*
 * Be the worker of a user: runs in a process of its own, which ends with what it returns. page: by
 * which his applications learn that what they keep is void; figures: where it counts. Both outlive
 * the worker.
 */
typedef int workers_work(uid_t uid, int link, const struct dance_generation *page,
                         struct figures *figures);

/* Likewise, a checker of a worker that has the other end of the socket. */
typedef int workers_check(uid_t uid, int socket);

/* epoll: where links are registered, with their worker. */
void workers_open(int epoll, workers_work *work, workers_check *check);

/* The first of all; the next ones are LIST_NEXT(worker, all). NULL: there are none. */
struct worker *workers_first(void);

/* Those that have not ended. */
unsigned workers_count(void);

/* In a process of its own: let go of links and of all users' channels, which are the supervisor's.
 */
void workers_forget_descriptors(void);

/* One for this user, with nothing yet; NULL when none can be started. */
struct worker *workers_start(struct user *user, long long now_ms);

/* A process that checks chains for it, which can do without; its number, or -1. */
pid_t workers_start_checker(const struct worker *worker);

/* Give it what of its user's channels it has not got yet, as far as it takes it now. */
void workers_give(struct worker *worker);

/* It is about to end: nothing is heard of its link any more. */
void workers_unheed(struct worker *worker);

/* There is no link to it any more. */
void workers_drop_link(struct worker *worker);

/* It has ended, and its link was dropped. */
void workers_free(struct worker *worker);

/* Tell all of them to end in order, and know them no more. */
void workers_close(void);

#endif
