/*
 * name_list.h: a list of names that somebody wants looked up ahead.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_NAME_LIST_H
#define DANCE_NAME_LIST_H

struct name_list;

/*
 * Hold the names of the list in fd (see dance_wire.h), which stays the
 * caller's. Reading it never waits: only a sealed memfd is read. NULL when it
 * is not acceptable: another kind of descriptor, too large, a name that is
 * none, too many names on all lists together. Names beyond what the resolver can hold are left out.
 */
struct name_list *name_list_hold(int fd, long long now_ms);
void name_list_release(struct name_list *list, long long now_ms);

#endif
