/*
 * complaints.h: what libunbound says on stderr.
 *
 * libunbound returns few error codes and writes the rest, such as the file and
 * the line of a syntax error, to a stdio stream. Here such lines become lines
 * of our log, and the first of them can be had for an error text. Why a lookup
 * failed it writes there too (log-servfail), and gives it nowhere else: that is
 * kept for whoever asks for the name. And it says there that it had no memory, and goes on: the
 * lookup that it was about then may never come to an end, and nothing else tells of that. Safe
 * with several threads.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_COMPLAINTS_H
#define DANCE_COMPLAINTS_H

#include <stdbool.h>
#include <stdio.h>

/* From now on stderr, the stream, is this; NULL when out of memory. The descriptor 2 stays. */
FILE *complaints_open(void);
void complaints_close(void);

/* Readable for ever once libunbound has said that it had no memory; -1: nobody will know. */
int complaints_no_memory_fd(void);

/* The first line that told of an error so far, without libunbound's prefix; empty: none. */
void complaints_first(char *out, size_t size);

/* Why the lookup of a name (absolute, as it was asked for) failed lately, once; false: not known.
 */
bool complaints_servfail(const char *name, char *out, size_t size);

#endif
