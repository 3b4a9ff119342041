/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "rollover_files.h"

#include "new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool failed(const char *path, const char *reason, char *why, size_t why_size)
{
    (void)snprintf(why, why_size, "%s: %s", path, reason);
    return false;
}

static bool append(char out[PATH_MAX], const char *key, const char *end)
{
    int len = snprintf(out, PATH_MAX, "%s%s", key, end);

    return len > 0 && len < PATH_MAX;
}

bool rollover_paths_find(struct rollover_paths *paths, const char *key, char *why, size_t why_size)
{
    /* Not the value: where a URI was meant there may be a PIN in it. */
    if (realpath(key, paths->key) == NULL)
        return failed("--key", errno == ENOENT ? "there is no such file" : strerror(errno), why,
                      why_size);
    if (!append(paths->new_key, paths->key, ".new") || !append(paths->old_key, paths->key, ".old")
        || !append(paths->notes, paths->key, ".rollover"))
        return failed("--key", strerror(ENAMETOOLONG), why, why_size);
    return true;
}

/* Is there a file? Anything else is a fault. */
static bool look_at(const char *path, bool *there, struct stat *st, char *why, size_t why_size)
{
    *there = lstat(path, st) == 0;
    if (!*there)
        return errno == ENOENT || failed(path, strerror(errno), why, why_size);
    return S_ISREG(st->st_mode) || failed(path, "it is no file", why, why_size);
}

bool rollover_look(const struct rollover_paths *paths, struct rollover_files *files, char *why,
                   size_t why_size)
{
    struct stat key, new_key, old_key;
    bool there;

    if (!look_at(paths->key, &there, &key, why, why_size)
        || !look_at(paths->new_key, &files->new_key, &new_key, why, why_size)
        || !look_at(paths->old_key, &files->old_key, &old_key, why, why_size))
        return false;
    if (!there)
        return failed(paths->key, strerror(ENOENT), why, why_size);
    files->old_is_key =
        files->old_key && key.st_dev == old_key.st_dev && key.st_ino == old_key.st_ino;
    return true;
}

/* What stands in open notes. */
static const char *read_notes(int fd, struct rollover_notes *notes, bool *there)
{
    char data[ROLLOVER_NOTES_SIZE + 1];
    struct stat st;
    ssize_t len;

    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? "another dance rollover works on this key" : strerror(errno);
    if (fstat(fd, &st) != 0)
        return strerror(errno);
    if (st.st_nlink == 0)
        return "another dance rollover has just ended; call again";
    len = pread(fd, data, sizeof(data), 0);
    if (len < 0)
        return strerror(errno);
    *there = len > 0;
    if (*there && !rollover_notes_read(notes, data, (size_t)len))
        return "dance rollover did not write this, or it was damaged; move it away";
    return NULL;
}

bool rollover_notes_open(const struct rollover_paths *paths, int *fd, struct rollover_notes *notes,
                         bool *there, char *why, size_t why_size)
{
    const char *fault;

    *there = false;
    *fd = open(paths->notes, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0)
        return errno == ENOENT || failed(paths->notes, strerror(errno), why, why_size);
    fault = read_notes(*fd, notes, there);
    if (fault == NULL)
        return true;
    (void)close(*fd);
    *fd = -1;
    return failed(paths->notes, fault, why, why_size);
}

bool rollover_notes_save(const struct rollover_paths *paths, int *fd,
                         const struct rollover_notes *notes, char *why, size_t why_size)
{
    char data[ROLLOVER_NOTES_SIZE];

    rollover_notes_write(data, notes);
    if (*fd < 0) {
        *fd = open(paths->notes, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (*fd < 0 || flock(*fd, LOCK_EX | LOCK_NB) != 0 || !new_file_sync_folder(paths->notes))
            return failed(paths->notes, strerror(errno), why, why_size);
    }
    if (pwrite(*fd, data, sizeof(data), 0) != (ssize_t)sizeof(data) || fsync(*fd) != 0)
        return failed(paths->notes, strerror(errno), why, why_size);
    return true;
}

bool rollover_switch(const struct rollover_paths *paths, char *why, size_t why_size)
{
    struct rollover_files files;

    if (!rollover_look(paths, &files, why, why_size))
        return false;
    if (!files.old_is_key && link(paths->key, paths->old_key) != 0)
        return failed(paths->old_key, strerror(errno), why, why_size);
    if (!new_file_sync_folder(paths->key))
        return failed(paths->old_key, strerror(errno), why, why_size);
    if (rename(paths->new_key, paths->key) != 0)
        return failed(paths->new_key, strerror(errno), why, why_size);
    if (!new_file_sync_folder(paths->key))
        return failed(paths->key, strerror(errno), why, why_size);
    return true;
}

static bool remove_file(const char *path, char *why, size_t why_size)
{
    if ((unlink(path) == 0 || errno == ENOENT) && new_file_sync_folder(path))
        return true;
    return failed(path, strerror(errno), why, why_size);
}

bool rollover_tidy(const struct rollover_paths *paths, char *why, size_t why_size)
{
    return remove_file(paths->old_key, why, why_size) && remove_file(paths->notes, why, why_size);
}
