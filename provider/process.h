/*
 * process.h: what dance keeps for this process.
 *
 * Servers fork, before and after their first handshake, and another thread may
 * hold a lock at that moment. So everything that changes lives in objects that
 * belong to one process id: each room that keeps something has a slot, and a
 * child finds an object of its own there, made from its parent's, with what
 * stays true (the control channel, what was read from files) and with locks and
 * conversations of its own. Nothing here knows what hangs in a slot. Objects are
 * reachable until the process ends.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_PROCESS_H
#define DANCE_PROCESS_H

#include "config.h"
#include "now.h"
#include "policy.h"

/* A room's place: how its object is made, and freed where another thread was faster. */
struct dance_slot {
    /*
     * parents: the object of the process that forked this one, as it was then, or NULL.
     * Another thread may have been stopped in the middle of changing it: only what is
     * written whole may be taken over. NULL when out of memory.
     */
    void *(*make)(const void *parents);
    void (*discard)(void *object);
};

/*
 * The calling process's object of this slot, made when it is first asked for;
 * NULL when out of memory. The slot itself lives as long as the process.
 */
void *dance_process_object(const struct dance_slot *slot);

/* The first, each of three sections that another one adds, the one that shows a fault when it is
 * put to use, and the one that refuses everybody. */
#define DANCE_CONFIGURATIONS_MAX 6

/*
 * Put a configuration in force, and what it means, in one step that handshakes of other threads see
 * as a whole. It lives as long as the process. By one thread at a time.
 */
void dance_process_configure(const struct dance_config *config);

/* The configuration; NULL before dance_process_configure(). */
const struct dance_config *dance_config(void);

/* What the configuration's server section means; inactive before dance_process_configure(). */
const struct dance_rules *dance_rules(void);

/*
 * The module cannot work in this process, or not for an SSL_CTX of it, which has been logged. If
 * that is not to be endured the process ends here. Then config has a server section.
 */
void dance_process_inactive(const struct dance_config *config);

#endif
