/*
 * supervisor.h: the process that starts the workers.
 *
 * It sees who connects, and hands the connection to that user's worker, a
 * process of his own. It reads no message and knows no DNS, so that there is
 * nothing by which one user could reach it, or another through it.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SUPERVISOR_H
#define DANCE_SUPERVISOR_H

#include "options.h"

/*
 * Run until a signal ends us, or, with a channel and no listener, until the last
 * process at its other end has gone; the exit status. The workers run in here,
 * too, each in a process that ends inside.
 */
int supervise(const struct options *options);

#endif
