/*
 * kept_fd.h: a descriptor that we keep inside somebody else's process.
 *
 * The application may close it (closefrom, a daemon's loop over all numbers)
 * and the number may then be the application's own. So a descriptor is
 * remembered with what it refers to, and checked before each use and before
 * close: a number that refers to something else is never touched.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_KEPT_FD_H
#define DANCE_KEPT_FD_H

#include <stdbool.h>
#include <sys/types.h>

struct dance_kept_fd {
    int fd; /* -1: none */
    dev_t dev;
    ino_t ino;
};

#define DANCE_KEPT_FD_NONE                                                                         \
    {                                                                                              \
        -1, 0, 0                                                                                   \
    }

/*
 * Keep fd, moved to a number of 64 or more where possible (low numbers are the
 * ones that daemons close and redirect) and close-on-exec. Takes ownership of
 * fd also on failure. The result has fd -1 on failure.
 */
struct dance_kept_fd dance_kept_fd_keep(int fd);

/* It is still open and still what it was. */
bool dance_kept_fd_valid(const struct dance_kept_fd *kept);

/* Close it if it is still ours; forget it in any case. */
void dance_kept_fd_close(struct dance_kept_fd *kept);

#endif
