/*
 * sandbox.h: what the resolver's processes may still do. Parts that this kernel
 * lacks are left out, with a line at debug; a part that it has and that cannot
 * be had ends a process that was root, and is an error in the log of any other.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SANDBOX_H
#define DANCE_SANDBOX_H

#include "options.h"

#include <stdbool.h>

/*
 * The supervisor's sandbox, which every worker is forked in: no capabilities, no
 * new privileges, no core file, nobody of the same user looks into it. It reads
 * files and writes none but the log (options), executes nothing, and may fork and
 * kill its children. Before the first thread, and after: listening, bind() to a
 * path, connecting to an abstract socket. False with *why: the process must end.
 */
bool sandbox_supervisor(const struct options *options, const char **why);

/*
 * The worker's, within the supervisor's: for all of its threads that there are. It
 * opens no file but the log, forks nothing, signals nobody else, and has no
 * sockets but for the DNS and syslog. False with *why: the process must end.
 */
bool sandbox_worker(const struct options *options, const char **why);

/*
 * A checker's (chain/checker.h), within the supervisor's, before its first thread: no socket, no
 * file that has a name, no log. False with *why: the process must end.
 */
bool sandbox_checker(const char **why);

#endif
