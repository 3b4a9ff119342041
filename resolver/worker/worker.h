/*
 * worker.h: the process that looks names up for one user.
 *
 * It reads its files, sets libunbound up, and then runs until nobody needs it, it
 * is told to end, or something has changed that it has read: a file, the
 * calendar, libunbound. What a worker knows never changes; whatever does makes
 * the next one, which begins anew. Those who wait notice that their conversation
 * has ended, and ask it.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_WORKER_H
#define DANCE_WORKER_H

#include "figures.h"
#include "generation.h"
#include "options.h"

#include <sys/types.h>

/*
 * Be the worker of uid, in a process of its own. link: our end to the supervisor
 * (link.h). page: the user's, which tells his applications what is void (generation.h). figures:
 * where it counts. The exit status.
 */
int worker_run(const struct options *options, uid_t uid, int link,
               const struct dance_generation *page, struct figures *figures);

#endif
