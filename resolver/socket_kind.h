/*
 * socket_kind.h: is a descriptor the kind of socket that we talk over?
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SOCKET_KIND_H
#define DANCE_SOCKET_KIND_H

#include <stdbool.h>

/* Is fd an AF_UNIX SOCK_SEQPACKET socket, and does it listen as said? */
bool socket_is_ours(int fd, bool listening);

/* Does the other end have a name, which is the listener's? Then it is a control channel. */
bool socket_is_of_channel(int fd);

#endif
