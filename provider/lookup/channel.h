/*
 * channel.h: the control channel to dance-resolver, and conversations with it.
 *
 * The control channel is made when the first server-capable SSL_CTX is made,
 * usually before fork, chroot and setuid. A conversation is a socketpair whose
 * other end goes over the control channel; it needs no path, no network and no
 * privilege. Where the channel has died or was closed by the application, it
 * is made again if the resolver can still be started or reached. The resolver's
 * worker may die and be replaced: then conversations end, and others are made
 * over the same channel, in whose queue they wait until somebody takes them.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_LOOKUP_CHANNEL_H
#define DANCE_LOOKUP_CHANNEL_H

#include "dance_wire.h"
#include "kept_fd.h"

#include <stdbool.h>
#include <stddef.h>

/* Make the control channel if there is none. Says in the log why it cannot. */
void dance_channel_open(void);

/*
 * A conversation to use alone until it is given back or closed; its fd is -1
 * when the resolver cannot be had, with the reason in why. With fresh, an idle
 * one is not good enough: the last one turned out to be dead. Where the
 * resolver has no room for another one, room is waited for until the deadline
 * (on the clock of dance_now_ms(); 0: not at all).
 */
struct dance_kept_fd dance_conversation_take(bool fresh, long long deadline, char *why,
                                             size_t why_size);

/* The same, but only one that is there already; nothing is made or started for it. */
struct dance_kept_fd dance_conversation_take_idle(void);

/* Keep a conversation on which nothing is outstanding for the next lookup. */
void dance_conversation_give(struct dance_kept_fd conversation);

/*
 * Send a message over the control channel, if there is one that works, without waiting for it or
 * for another thread. false: not now.
 */
bool dance_channel_tell(const uint8_t *message, size_t len);

/* Send a message that is nothing but its type, and a descriptor, without waiting. */
bool dance_channel_send(int socket, enum dance_wire_type type, int fd);

#endif
