/*
 * service.h: the resolver that listens at a path, reached by a command.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVICE_H
#define DANCE_SERVICE_H

#include "dance_wire.h"

#include <stdbool.h>

/* Where the machine's resolver listens if nobody says otherwise. */
#define DANCE_SOCKET_DEFAULT "/run/dance/resolver.sock"

/* How long it is waited for. */
#define DANCE_SERVICE_MS 10000

/*
 * Connect, or -1 with errno. A control channel, or, with a name of our own, what asks how the
 * resolver is (dance_wire_status.h).
 */
int dance_service_reach(const char *path, bool named);

/* A message that is nothing but its type, and fd unless it is -1. */
bool dance_service_say(int channel, enum dance_wire_type type, int fd);

/* A conversation over the channel, or -1; its first message comes when a worker has taken it. */
int dance_service_converse(int channel);

/* Wait for something to be read. */
bool dance_service_wait(int fd);

#endif
