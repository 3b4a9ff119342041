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

/* The folder of path; it fits where path does. */
static void folder_of(char out[PATH_MAX], const char *path)
{
    const char *slash = strrchr(path, '/');

    (void)snprintf(out, PATH_MAX, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
                   slash != NULL ? path : ".");
}

bool new_file_sync_folder(const char *path)
{
    char folder[PATH_MAX];
    bool synced;
    int fd;

    folder_of(folder, path);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    /* There are file systems that have nothing to sync there. */
    synced = fsync(fd) == 0 || errno == EINVAL;
    (void)close(fd);
    return synced;
}

/*
 * A file to write to: *unnamed, without a name until it is whole, so that nothing is left of it
 * when the machine stops; or, where the file system has no such files, at path.
 */
static int create(const char *path, bool *unnamed)
{
    char folder[PATH_MAX];
    int fd;

    folder_of(folder, path);
    fd = open(folder, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
    *unnamed = fd >= 0 && access("/proc/self/fd", X_OK) == 0;
    if (*unnamed)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* The file is at path now, unless something is there. */
static bool give_name(int fd, const char *path)
{
    char unnamed[64];

    (void)snprintf(unnamed, sizeof(unnamed), "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, unnamed, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
}

/* owner: NULL, or whose owner and group it gets. */
static bool write_file(const char *path, mode_t mode, const struct stat *owner, const void *data,
                       size_t len, char *why, size_t why_size)
{
    bool unnamed = false;
    bool named;
    int fd = create(path, &unnamed);
    bool good = fd >= 0;
    int failure = errno;

    named = good && !unnamed;
    /* The owner first: that may take set-id bits of the mode away. */
    if (good
        && !((owner == NULL || fchown(fd, owner->st_uid, owner->st_gid) == 0)
             && fchmod(fd, mode) == 0 && write_all(fd, data, len) && fsync(fd) == 0)) {
        good = false;
        failure = errno;
    }
    if (good && unnamed) {
        good = named = give_name(fd, path);
        failure = errno;
    }
    if (fd >= 0 && close(fd) != 0 && good) {
        good = false;
        failure = errno;
    }
    if (good && !new_file_sync_folder(path)) {
        good = false;
        failure = errno;
    }
    if (good)
        return true;
    if (named)
        (void)unlink(path);
    (void)snprintf(why, why_size, "%s: %s%s", path, strerror(failure),
                   failure == EEXIST ? "; it is left as it is" : "");
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

bool new_file_replace(const char *path, mode_t mode, const void *data, size_t len, char *why,
                      size_t why_size)
{
    char beside[PATH_MAX];
    struct stat st;
    bool there = lstat(path, &st) == 0;
    int size;

    if (there && !S_ISREG(st.st_mode)) {
        (void)snprintf(why, why_size, "%s: it is no file; it is left as it is", path);
        return false;
    }
    /* Nobody else has this number at the same time, unless in another PID namespace. */
    size = snprintf(beside, sizeof(beside), "%s.%ld.new", path, (long)getpid());
    if (size < 0 || (size_t)size >= sizeof(beside)) {
        (void)snprintf(why, why_size, "%s: %s", path, strerror(ENAMETOOLONG));
        return false;
    }
    if (!write_file(beside, there ? st.st_mode & 0777 : mode, there ? &st : NULL, data, len, why,
                    why_size))
        return false;
    if (rename(beside, path) == 0 && new_file_sync_folder(path))
        return true;
    (void)snprintf(why, why_size, "%s: %s", path, strerror(errno));
    (void)unlink(beside);
    return false;
}
