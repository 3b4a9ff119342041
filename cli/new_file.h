/*
 * new_file.h: a file that is new, whole and on the disk, or not there.
 *
 * Also when the process or the machine stops meanwhile, on file systems that have
 * files without a name (O_TMPFILE).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_NEW_FILE_H
#define DANCE_CLI_NEW_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/*
 * Write a file with exactly this mode, whatever the umask. What is at path is never
 * overwritten or followed. false with why, and nothing of it is left.
 */
bool new_file_write(const char *path, mode_t mode, const void *data, size_t len, char *why,
                    size_t why_size);

/* The same with the mode, the owner and the group of another file. */
bool new_file_write_like(const char *path, const struct stat *model, const void *data, size_t len,
                         char *why, size_t why_size);

/*
 * The same in place of the file that is at path, whose mode, owner and group it gets: there is a
 * whole one at every moment. Where nothing is there it has this mode; what is no file, or a
 * symbolic link, stays.
 */
bool new_file_replace(const char *path, mode_t mode, const void *data, size_t len, char *why,
                      size_t why_size);

/* What was made, renamed or removed in the folder of path is on the disk as well. false with errno.
 */
bool new_file_sync_folder(const char *path);

#endif
