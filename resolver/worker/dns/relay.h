/*
 * relay.h: a thread between the event loop and a context of libunbound.
 *
 * libunbound's calls wait. ub_resolve_async() writes to a pipe that its thread
 * does not read while that validates, which the owner of a zone can make long
 * (KeyTrap); ub_process() waits for the rest of an answer of which a part has
 * come. So a thread of ours makes these calls. The event loop puts requests
 * into a queue and takes results from another one, under a mutex that nobody
 * holds for longer than that takes.
 *
 * All but relay_open() is for the event loop's thread.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_RELAY_H
#define DANCE_RELAY_H

#include <stdbool.h>
#include <unbound.h>

struct relay;

/* The context, ready for lookups, belongs to the relay from now on; NULL (and it does not) on
 * failure. */
struct relay *relay_open(struct ub_ctx *context);

/* Readable when relay_process() has something to do. */
int relay_fd(const struct relay *relay);

/* Begin a lookup; 0 with *id, or libunbound's error. The callback owns the result. */
int relay_start(struct relay *relay, const char *name, int type, void *arg,
                ub_callback_type callback, int *id);

/* The callback of this lookup will not run any more. */
void relay_cancel(struct relay *relay, int id);

/* Run the callbacks of what has arrived. false when libunbound has come to an end. */
bool relay_process(struct relay *relay);

/* Tell the thread to delete the context and to end. Does not wait. */
void relay_end(struct relay *relay);

/*
 * Free what has ended, waiting for at most so many milliseconds. false: libunbound is stuck, and
 * everything is left as it is; the process may end all the same.
 */
bool relay_free(struct relay *relay, int wait_ms);

#endif
