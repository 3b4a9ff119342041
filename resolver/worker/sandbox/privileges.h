/*
 * privileges.h: give up root.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_PRIVILEGES_H
#define DANCE_PRIVILEGES_H

/*
 * See to it that no program executed from here gains anything, and give up the
 * capabilities of a user other than root. For the calling thread and those it
 * starts later, so it comes before the first thread.
 */
void privileges_keep_none(void);

/*
 * If any of the process's user ids is root's, become user (NULL: "dance" if
 * there is such a user, else "nobody") for good, in all threads. 0 with *why
 * set when that fails: then the process must end.
 */
int privileges_drop(const char *user, const char **why);

#endif
