/*
 * name_list.h: lists of names that somebody wants looked up ahead.
 *
 * A list is large, and anybody may send one. So it is read, and its names are
 * released in the end, a slice at a time, one list after the other in the
 * order in which that was wanted: a list that takes the place of another one
 * holds its names before the other lets them go. The same memory, sent by many
 * (a server's workers), is read and held once.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_NAME_LIST_H
#define DANCE_NAME_LIST_H

#include <stdbool.h>

struct name_list;

/*
 * A list to be read from fd (see dance_wire.h), which is taken over unless
 * NULL is returned: it is another kind of descriptor, too large, or there is
 * no memory. Reading it never waits: only a sealed memfd is read.
 */
struct name_list *name_list_open(int fd, void *owner);

/* Its names are held no longer. Its owner is told nothing any more. */
void name_list_close(struct name_list *list);

/*
 * Told once for each list when it has been read, unless it had been before. Its names are held, but
 * those that are beyond what the resolver can hold; or, not good: it is not acceptable, there is a
 * name that is none, too many names, or too many on all lists together. Such a list holds nothing,
 * and is to be closed all the same.
 */
typedef void name_list_told(void *owner, bool good);

/* Do one slice of what there is to do. */
void name_lists_work(long long now_ms, name_list_told *told);
bool name_lists_have_work(void);

#endif
