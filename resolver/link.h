/*
 * link.h: what the supervisor and a worker say to each other.
 *
 * A socketpair of the two, which nobody else has an end of. A message is one
 * octet, and some carry a descriptor. Nobody waits: what does not go through
 * is the receiver's fault, who is stuck then.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_LINK_H
#define DANCE_LINK_H

#include <stdbool.h>

enum link_word {
    /* From the supervisor. */
    LINK_CHANNEL = 'c',  /* with a descriptor: a control channel, to be served until it ends */
    LINK_PING = 'p',     /* to be answered */
    LINK_COUNTERS = 'u', /* to be logged */
    LINK_END = 'e',      /* end in order */
    LINK_CHECKER = 'k',  /* with a descriptor: the other end is a checker's (chain/checker.h) */
    /* From the worker. */
    LINK_BEGUN = 'B', /* it has let go of all that is not its own */
    LINK_PONG = 'P',
    LINK_CHECK = 'K', /* it wants a checker; where there can be none it gets none */
    LINK_FORGET = 'F' /* somebody asks that what was found be forgotten, here and in applications */
};

/* A worker's exit status: start the next one at once, something has changed. */
#define WORKER_AGAIN 3

/* A pair of ends; 0, or -1 with errno, and both are -1. */
int link_make(int ends[2]);

/* Send a word, with descriptor fd unless it is -1, which stays the caller's. false: not now. */
bool link_send(int link, enum link_word word, int fd);

/*
 * Wait until the process at the other end has let go of all that is not its own; false: it has
 * ended. Nothing of ours ends meanwhile, so that none of its copies is the last one.
 */
bool link_await_begin(int link);

enum link_received { LINK_HERE, LINK_NONE, LINK_OVER };

/* Receive a word, and the descriptor that came with it or -1, closed upon exec. */
enum link_received link_receive(int link, enum link_word *word, int *fd);

#endif
