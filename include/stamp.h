/*
 * stamp.h: has a file changed since it was read?
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_STAMP_H
#define DANCE_STAMP_H

#include <stdbool.h>
#include <sys/stat.h>

#define DANCE_FILES_INTERVAL_MS 1000 /* how often, at the most, a file is looked at */

struct dance_file_stamp {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed;
};

/* What path is now; false when it cannot be seen (it is a URI, chroot, privileges dropped). */
bool dance_file_stamp(const char *path, struct dance_file_stamp *stamp);

/* The same of a file that was looked at already. */
struct dance_file_stamp dance_file_stamp_of(const struct stat *st);

/* They are not of the same file with the same content. */
bool dance_file_stamp_differs(const struct dance_file_stamp *a, const struct dance_file_stamp *b);

#endif
