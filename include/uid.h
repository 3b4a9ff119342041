/*
 * uid.h: users as the kernel tells them.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_UID_H
#define DANCE_UID_H

#include <sys/types.h>

#define DANCE_UID_NONE ((uid_t)-1)

/* Up to here they are the system's, as the distributions have it. */
#define DANCE_UID_SYSTEM_MAX 999u

/*
 * The uid that the kernel says in this user namespace for every user whom it
 * does not map: whoever has it may be anybody, also where it equals one's own.
 * DANCE_UID_NONE where every user is mapped. Read from /proc, anew each time:
 * where that cannot be read it is 65534.
 */
uid_t dance_uid_of_unmapped(void);

#endif
