/*
 * burial.h: how the supervisor closes what users may have written to.
 *
 * Whoever closes the last copy of a connection closes what was sent over it and never
 * read, a file of the sender's own FUSE for one, and waits for that as long as the sender
 * likes. That is never the supervisor: it keeps what is to be closed until a process of its
 * own, the burier, has copies of that, and closes its own ones while that one lives. The burier
 * ends then, and is who waits.
 *
 * There is one at a time for all users, and the next one where one has waited for long, up to a
 * few. Neither memory nor a descriptor is needed to keep something, or to begin.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_BURIAL_H
#define DANCE_BURIAL_H

#include <stdbool.h>
#include <sys/types.h>

/* In the process that is to be a burier: let go of all else. */
typedef void burial_leave(void);

/* descriptors: as many as there can be, of which a part may wait. false without memory. */
bool burial_open(unsigned descriptors, burial_leave *leave);

/* Close fd, in a while. */
void burial_add(int fd);

/* Likewise; who is at its other end is told at once. */
void burial_turn_away(int fd);

/* Another one may come that is to be closed: so many wait that nobody should be let in otherwise.
 */
bool burial_has_room(void);

/* No burier can begin before somebody lets one go. */
bool burial_is_stuck(void);

/* In a process of its own: be called a burier. */
void burial_name(void);

/* See whether it is time; milliseconds until that is to be done again, or -1. */
int burial_tick(long long now_ms);

/* A process has ended: true if it was a burier. */
bool burial_ended(pid_t pid);

/* In a process of its own, which buries nothing. */
void burial_forget(void);

#endif
