/*
 * user.h: one user of the resolver, and the list of all.
 *
 * A user is a uid, as the kernel says it of a connection. What was counted of him
 * (figures.h) stays for a while when he has nothing any more, of a bounded number of
 * users.
 *
 * Subordinate users (as containers have them), users who log in, system users and
 * root may have more and more of what there is for all, in this order: whatever those
 * with higher numbers do, there is room for the others.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_USER_H
#define DANCE_USER_H

#include "figures.h"
#include "generation.h"
#include "supervisor/channels.h"
#include "supervisor/checkers.h"

#include <stdbool.h>
#include <sys/queue.h>
#include <sys/types.h>

struct worker;

struct user {
    LIST_ENTRY(user) all;
    uid_t uid;
    struct channels channels;
    struct worker *worker; /* that serves him; NULL: none does */
    struct dance_generation page;
    struct figures *figures;
    bool forgetting;      /* what was found is void when the worker has ended */
    unsigned lost;        /* workers that were given up and have not ended */
    long long begun_ms;   /* when a worker was first started in this interval */
    unsigned starts;      /* how often since then */
    long long not_before; /* no worker before this; 0: now */
    struct checkers checkers;
};

/* The first of all; the next ones are LIST_NEXT(user, all). NULL: there are none. */
struct user *user_first(void);

/* Found, or made, with a page; poller: that of his channels. NULL without memory. */
struct user *user_find(uid_t uid, int poller);

/* If he has nothing any more he is only remembered, and whoever has been so for longest may go. */
void user_remember_unless_used(struct user *user);

void user_free(struct user *user);

/* What of all a user may take when others have taken some: something is left for those below. */
unsigned user_room(unsigned all, uid_t uid);

/* What of all one user may have, while others have none. */
unsigned user_share(unsigned all, uid_t uid);

/* 0 of those who may have the most, and so on. */
#define USER_RANKS 3u
unsigned user_rank(uid_t uid);

#endif
