/*
 * closing.h: closes descriptors that strangers had a hand in, without waiting.
 *
 * close() takes as long as whoever made the descriptor likes: a TCP socket with
 * SO_LINGER, a file of a FUSE that does not answer, and a socket of our own
 * whose unread messages carry such a one. So it is left to threads, of which
 * there are more as long as others are busy, up to a bound.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLOSING_H
#define DANCE_CLOSING_H

/* Take fd and close it, sooner or later. Keeps errno. */
void closing_close(int fd);

/* Descriptors that were taken and are not closed yet. */
unsigned closing_pending(void);

#endif
