/*
 * status.h: the resolver says how it is (dance status).
 *
 * Whoever connects by a socket that has a name wants that (dance_wire_status.h),
 * and is told at once of the users that the kernel says he may know of. Nothing is
 * read from him, and no worker is asked.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_STATUS_H
#define DANCE_STATUS_H

#include <sys/types.h>

/* From now on is counted how long it runs. */
void status_open(void);

/* Tell reader, at the other end of fd, without waiting. */
void status_say(int fd, uid_t reader);

#endif
