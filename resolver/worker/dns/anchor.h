/*
 * anchor.h: is this a file of trust anchors?
 *
 * libunbound reads the file and finds its syntax errors; this catches what it
 * does not: it never ends on a directory and accepts a file without a key,
 * with which no name is ever secure.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_ANCHOR_H
#define DANCE_ANCHOR_H

/* What is wrong with the file at path, in an operator's words; NULL when nothing is. */
const char *anchor_fault(const char *path);

#endif
