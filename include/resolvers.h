/*
 * resolvers.h: the resolvers that run on this machine, as /proc shows them.
 *
 * Those that applications have started for themselves have no path to reach them by.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_RESOLVERS_H
#define DANCE_RESOLVERS_H

#include <stdbool.h>
#include <sys/types.h>

/* How many of them visit says true of. own: an application has started it for itself. */
typedef bool dance_resolvers_visit(pid_t pid, bool own);
unsigned dance_resolvers_count(dance_resolvers_visit *visit);

#endif
