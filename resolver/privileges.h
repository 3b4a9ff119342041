/*
 * privileges.h: give up root.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_PRIVILEGES_H
#define DANCE_PRIVILEGES_H

/*
 * If started as root, become user (NULL: "dance" if there is such a user, else
 * "nobody") for good, and see to it that no program executed from here gains
 * anything. 0 with *why set when that fails: then the process must end.
 */
int privileges_drop(const char *user, const char **why);

#endif
