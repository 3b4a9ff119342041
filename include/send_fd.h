/*
 * send_fd.h: a message with a descriptor (SCM_RIGHTS).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SEND_FD_H
#define DANCE_SEND_FD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Send one message of len octets over a socket that keeps messages apart, and
 * descriptor fd with it unless it is -1, without waiting. fd stays the
 * caller's. false, with errno: it did not go through.
 */
bool dance_send_fd(int socket, const void *octets, size_t len, int fd);

#endif
