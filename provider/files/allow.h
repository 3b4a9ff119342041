/*
 * allow.h: the patterns of allow_file, read again when the file changes.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_FILES_ALLOW_H
#define DANCE_FILES_ALLOW_H

#include <stdbool.h>
#include <stddef.h>

struct dance_allow_file;
struct dance_patterns;

struct dance_allow_file *dance_allow_file_up_ref(struct dance_allow_file *file);
void dance_allow_file_free(struct dance_allow_file *file);

/* The file as it is now, one reference for the caller; NULL when there is none or it is faulty. */
struct dance_allow_file *dance_allow_file_get(void);

/* What is in it, good as long as the reference. */
const struct dance_patterns *dance_allow_file_patterns(const struct dance_allow_file *file);

/* Read the file now if it has not been read yet: what a chroot may put out of reach later. */
void dance_allow_file_open(void);

/*
 * Does a pattern of allow or of allow_file match this checked name? A changed
 * file is read first, at most once a second. A file that cannot be seen any
 * more, or that has become faulty, leaves the patterns as they were (and says
 * so in the log).
 */
bool dance_allowed(const char *name, size_t len);

#endif
