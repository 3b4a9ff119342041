/*
 * allow.h: the patterns of allow_file, read again when the file changes.
 *
 * The list is in memory that forked processes share (patterns.h). It is read by
 * the process that makes the first SSL_CTX. A changed file that is short is read
 * at once; of a long one the resolver makes the list, once for all processes,
 * and until that has come the list before counts: no handshake waits. A file
 * that cannot be read whole, or is faulty, leaves the list as it was, and so
 * does one that cannot be seen any more.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_FILES_ALLOW_H
#define DANCE_FILES_ALLOW_H

#include "kept_fd.h"

#include <stdbool.h>
#include <stddef.h>

struct dance_allow_file;
struct dance_patterns;

struct dance_allow_file *dance_allow_file_up_ref(struct dance_allow_file *file);
void dance_allow_file_free(struct dance_allow_file *file);

/* The list as it is now, one reference for the caller; NULL when there is none or it is faulty. */
struct dance_allow_file *dance_allow_file_get(void);

/* What is in it, good as long as the reference. */
const struct dance_patterns *dance_allow_file_patterns(const struct dance_allow_file *file);

/* The memfd that it is in, if the application has not closed it; as long as the reference. */
struct dance_kept_fd dance_allow_file_memfd(const struct dance_allow_file *file);

/*
 * Read the file now if it has not been read yet: what a chroot may put out of reach later. false:
 * there is no list, with the fault.
 */
bool dance_allow_file_open(char *fault, size_t size);

/* Does a pattern of allow or of allow_file match this checked name? */
bool dance_allowed(const char *name, size_t len);

#endif
