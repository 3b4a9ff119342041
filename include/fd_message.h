/*
 * fd_message.h: a message with a descriptor over a socket that keeps messages apart, without
 * waiting.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_FD_MESSAGE_H
#define DANCE_FD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Send all of it, and fd unless it is -1, which stays the caller's. false: not now, or never (see
 * errno). */
bool dance_send_fd(int socket, const void *message, size_t len, int fd);

/*
 * Receive a message as recv() does. *fd is the descriptor that came with it, the caller's from then
 * on and closed upon exec, or -1; of several that came all but the first are closed.
 */
ssize_t dance_receive_fd(int socket, void *message, size_t size, int *fd);

#endif
