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

/* Has the AF_UNIX socket at the other end a name? */
bool socket_peer_has_name(int fd);

#endif
