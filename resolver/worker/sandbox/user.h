/*
 * user.h: give up root.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_USER_H
#define DANCE_USER_H

#include <stdbool.h>

/*
 * If any of the process's user ids is root's, become user (NULL: "dance" if there
 * is such a user, else a uid that nobody else has) for good, and in any case empty
 * the bounding set where that may be done. Before the first thread. False with *why
 * set when root cannot be given up: then the process must end.
 */
bool sandbox_become(const char *user, const char **why);

/* Did it? What was root has to get its sandbox, or ends. */
bool sandbox_was_root(void);

#endif
