/*
 * sockets.h: the sockets that the resolver starts with, and what kind one is.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SOCKETS_H
#define DANCE_SOCKETS_H

#include <stdbool.h>

/* Is fd an AF_UNIX SOCK_SEQPACKET socket, and does it listen as said? */
bool socket_is_ours(int fd, bool listening);

/*
 * Listen at path, for everybody. A socket there on which nobody answers is
 * replaced; anything else there is left alone. -1 with errno set on failure.
 */
int socket_listen(const char *path);

/* The listening socket that systemd handed over (sd_listen_fds(3)), or -1. */
int socket_from_systemd(void);

#endif
