/*
 * sockets.h: the sockets that the resolver starts with, and what kind one is.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SOCKETS_H
#define DANCE_SOCKETS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Listen at path, for everybody. A socket there on which nobody answers is
 * replaced; anything else there is left alone. -1 with errno set on failure.
 */
int socket_listen(const char *path);

/*
 * A socket that systemd handed over (sd_listen_fds(3)), the first with number 0, or -1 where there
 * are no more: it listens, or is one that was stored with systemd.
 */
int socket_from_systemd(int number);

/* The user at the other end. false: the kernel cannot say who that is. */
bool socket_user(int fd, uid_t *uid);

#endif
