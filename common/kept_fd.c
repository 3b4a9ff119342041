/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "kept_fd.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOWEST 64

struct dance_kept_fd dance_kept_fd_keep(int fd)
{
    struct dance_kept_fd kept = DANCE_KEPT_FD_NONE;
    struct stat st;
    int moved;

    if (fd < 0)
        return kept;
    moved = fcntl(fd, F_DUPFD_CLOEXEC, LOWEST);
    if (moved >= 0) {
        (void)close(fd);
        fd = moved;
    } else {
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    if (fstat(fd, &st) != 0) {
        (void)close(fd);
        return kept;
    }
    kept.fd = fd;
    kept.dev = st.st_dev;
    kept.ino = st.st_ino;
    return kept;
}

bool dance_kept_fd_valid(const struct dance_kept_fd *kept)
{
    struct stat st;

    return kept->fd >= 0 && fstat(kept->fd, &st) == 0 && st.st_dev == kept->dev
           && st.st_ino == kept->ino;
}

void dance_kept_fd_close(struct dance_kept_fd *kept)
{
    if (dance_kept_fd_valid(kept))
        (void)close(kept->fd);
    kept->fd = -1;
}
