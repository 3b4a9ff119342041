/*
 * pattern_file.h: a file of patterns becomes a list (patterns.h), whole or not at all.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_PATTERN_FILE_H
#define DANCE_PATTERN_FILE_H

#include "stamp.h"

#include <stddef.h>

#define DANCE_PATTERN_FILE_WHY_MAX 200

/* Open it for reading, without waiting; -1: see errno. */
int dance_pattern_file_open(const char *path);

/*
 * Read it from its beginning: its list as a sealed memfd, and what was read in *stamp; or -1, with
 * the reason in why. Takes as long as the file likes (milliseconds for ten thousand names).
 */
int dance_pattern_file_read(int fd, struct dance_file_stamp *stamp,
                            char why[DANCE_PATTERN_FILE_WHY_MAX]);

#endif
