/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "stamp.h"

#include <string.h>

struct dance_file_stamp dance_file_stamp_of(const struct stat *st)
{
    struct dance_file_stamp stamp = {st->st_dev, st->st_ino, st->st_size, st->st_mtim};

    return stamp;
}

bool dance_file_stamp(const char *path, struct dance_file_stamp *stamp)
{
    struct stat st;

    memset(stamp, 0, sizeof(*stamp));
    if (path == NULL || stat(path, &st) != 0)
        return false;
    *stamp = dance_file_stamp_of(&st);
    return true;
}

bool dance_file_stamp_differs(const struct dance_file_stamp *a, const struct dance_file_stamp *b)
{
    return a->dev != b->dev || a->ino != b->ino || a->size != b->size
           || a->changed.tv_sec != b->changed.tv_sec || a->changed.tv_nsec != b->changed.tv_nsec;
}
