/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_all(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
    return true;
}

bool new_file_sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX] = ".";
    bool synced;
    int fd;

    if (slash != NULL)
        (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path) + 1, path);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    /* There are file systems that have nothing to sync there. */
    synced = fsync(fd) == 0 || errno == EINVAL;
    (void)close(fd);
    return synced;
}

/* owner: NULL, or whose owner and group it gets. */
static bool write_file(const char *path, mode_t mode, const struct stat *owner, const void *data,
                       size_t len, char *why, size_t why_size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0600);
    bool good;
    int failure;

    if (fd < 0) {
        (void)snprintf(why, why_size, "%s: %s%s", path, strerror(errno),
                       errno == EEXIST ? "; it is left as it is" : "");
        return false;
    }
    /* The owner first: that may take set-id bits of the mode away. */
    good = (owner == NULL || fchown(fd, owner->st_uid, owner->st_gid) == 0) && fchmod(fd, mode) == 0
           && write_all(fd, data, len) && fsync(fd) == 0;
    failure = errno;
    if (close(fd) != 0 && good) {
        good = false;
        failure = errno;
    }
    if (good && !new_file_sync_folder(path)) {
        good = false;
        failure = errno;
    }
    if (good)
        return true;
    (void)unlink(path);
    (void)snprintf(why, why_size, "%s: %s", path, strerror(failure));
    return false;
}

bool new_file_write(const char *path, mode_t mode, const void *data, size_t len, char *why,
                    size_t why_size)
{
    return write_file(path, mode, NULL, data, len, why, why_size);
}

bool new_file_write_like(const char *path, const struct stat *model, const void *data, size_t len,
                         char *why, size_t why_size)
{
    return write_file(path, model->st_mode & 0777, model, data, len, why, why_size);
}
