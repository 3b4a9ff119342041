/*
 * peers.h: who talks to the worker: control channels, and the conversations that come over them.
 *
 * Nobody at the other end is trusted: what does not parse ends a conversation, a
 * peer that does not read loses it, and there are bounds on peers in all and of
 * one process, and on queries waiting for one conversation and for one process.
 * All belong to one user, and nobody but he has to wait for what he does with
 * the descriptors that he sends.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_PEERS_H
#define DANCE_PEERS_H

#include "dance_wire.h"
#include "figures.h"
#include "generation.h"
#include "worker/collect/collect.h"
#include "worker/lookups/lookups.h"

#include <stdbool.h>

struct peers_limits {
    unsigned peers;              /* in all */
    unsigned waiting_per_client; /* queries waiting, of one process */
};

/* Somebody asks that all that was found be forgotten. */
typedef void peers_forget(void);

/*
 * epoll_fd: where descriptors are registered with their struct peer as data. page: what each
 * conversation is given first. figures: where answers are counted, and what processes say of their
 * clients.
 */
void peers_open(int epoll_fd, struct peers_limits limits, const struct dance_generation *page,
                struct figures *figures, peers_forget *on_forget);
void peers_close(void);

/* Take fd, our end of a control channel, also on failure. */
bool peers_add_control(int fd);

/* Act on an event; data is what epoll gives back. To be followed by peers_bury(). */
void peers_event(void *data, long long now_ms);

/*
 * Some of what is done apart from events, a little at a time (name_list.h):
 * once a turn of the loop, which waits for nothing as long as there is more.
 * To be followed by peers_bury().
 */
void peers_work(long long now_ms);
bool peers_have_work(void);

/* Free the peers that ended while a batch of events was handled. */
void peers_bury(void);

/*
 * lookups_deliver: send answer to the peer that asked, without waiting; one
 * that does not read what it asked for is let go.
 */
void peers_deliver(struct lookups_asker *asker, const struct dance_wire_answer *answer);

/* collect_deliver: the same with what came of collecting a chain. */
void peers_deliver_collected(struct lookups_asker *asker,
                             const struct dance_wire_collected *collected);

/* Number of control channels and conversations that are open. */
unsigned peers_count(void);

#endif
