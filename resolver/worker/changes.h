/*
 * changes.h: has something changed that the worker has read?
 *
 * Its files, that they are there or not, and the calendar, by which signatures
 * are good or not.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CHANGES_H
#define DANCE_CHANGES_H

#include "options.h"

#include <stdbool.h>

/* Before the files are read. */
void changes_open(const struct options *options);
void changes_close(void);

/* They could not be made use of: that is tried again after a while, changed or not. */
void changes_broken(bool broken);

/* Readable when the calendar was set. */
int changes_fd(void);

/* Look at the files, at most once a second. true: the next worker is to read them. */
bool changes_seen(long long now_ms);

#endif
