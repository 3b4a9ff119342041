/*
 * counts.h: how many clients became what, and why, told to the resolver (dance status).
 *
 * Counting takes no lock and makes no system call. At most once a second and
 * process what was counted goes over the control channel, in one message that
 * nobody waits for; what does not go through, or where there is no channel, is kept
 * and goes with the next one. The first is told at once, so that a process that has
 * one client alone tells all of it; and what is left is told when the process ends,
 * or the module is unloaded.
 *
 * Lost is what was counted since the last message, within a second where clients
 * keep coming, when a process is killed or ends by _exit(), or ends when the
 * channel is full. Numbers of a process are its own: a child tells nothing of its
 * parent's.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_LOOKUP_COUNTS_H
#define DANCE_LOOKUP_COUNTS_H

#include "dance_wire_status.h"

/* One more. place: what a reason is in dance_wire_status.h; 0 where the outcome has none. */
void dance_count(enum dance_outcome outcome, unsigned place);

/* Tell what has not been told, whenever the last time was. */
void dance_counts_tell(void);

#endif
