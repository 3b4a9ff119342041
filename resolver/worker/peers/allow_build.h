/*
 * allow_build.h: lists of patterns are made of the allow_files that clients send.
 *
 * In a thread of its own, so that no lookup waits for a long file or for a file
 * system that does not answer. What was made is kept by the file's stamp, and
 * everybody who asks about the same file is given the same memory.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_ALLOW_BUILD_H
#define DANCE_ALLOW_BUILD_H

#include <stdbool.h>

/* A descriptor that turns readable when there is something for allow_build_tell(); -1: none can be
 * had, and nothing will be made. The thread starts when it is first needed. */
int allow_build_open(void);

/* Make a list of this file for a conversation. false: too many wait already, and fd stays the
 * caller's. */
bool allow_build_ask(int fd, void *owner);

/* It has ended: it is not told any more. */
void allow_build_forget(void *owner);

/* Told once for each that was asked: the list, which stays ours, or -1 and what is wrong. */
typedef void allow_build_told(void *owner, int list, const char *why);
void allow_build_tell(allow_build_told *told);

/* Give such an answer over a conversation. false: it was not sent. */
bool allow_build_send(int conversation, int list, const char *why);

#endif
