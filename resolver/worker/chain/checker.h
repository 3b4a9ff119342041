/*
 * checker.h: a process that checks chains, one after the other.
 *
 * It is given a chain as the module sends it (DANCE_WIRE_CHAIN) and says what it
 * is (DANCE_WIRE_ANSWER), over a socket that its worker has the other end of, and
 * ends with that. A process of its own, because libunbound's contexts share
 * settings and what a stranger sends is read there: it has no network, opens
 * nothing, and ends when a chain takes it too long, with nobody's cache.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CHECKER_H
#define DANCE_CHECKER_H

#include "options.h"

#include <sys/types.h>

/* The first message, of one octet, when it has let go of all that is not its own. */
#define CHECKER_BEGUN 'B'

/* Processor time that a chain may take, in seconds. */
#define CHECKER_SECONDS 2

/* Be one of this user, in a process that ends with what this returns. */
int checker_run(const struct options *options, uid_t uid, int socket);

#endif
