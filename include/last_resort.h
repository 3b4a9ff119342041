/*
 * last_resort.h: a line to stderr from inside somebody else's process, where
 * descriptor 2 is stderr without doubt.
 *
 * A daemon that has closed it may have a client's connection or a database there.
 * So it has to be what it was at first and no connection of the network's, or a
 * terminal, or a file that is appended to.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_LAST_RESORT_H
#define DANCE_LAST_RESORT_H

/* Remember what stderr is; the first time counts. */
void dance_last_resort_note(void);

/* Write text, which has its end of line, if that can be done without waiting and without harm. */
void dance_last_resort_say(const char *text);

#endif
