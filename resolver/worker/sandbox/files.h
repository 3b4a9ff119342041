/*
 * files.h: which files may be reached, by Landlock.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_FILES_H
#define DANCE_FILES_H

#include <stdbool.h>

/*
 * From now on this thread, and what it starts, reads files at most (reads false:
 * not even that), makes and appends to files in the folder of log (NULL: none),
 * and executes nothing; it signals no process that is not in the same sandbox, and
 * reaches no abstract socket from outside of it. 0, or an errno; ENOSYS stands
 * for a kernel without Landlock, or one that does not let us use it.
 */
int files_confine(bool reads, const char *log);

#endif
