/*
 * program.h: another program is run, for a while at the most.
 *
 * It is found on PATH and started without a shell.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_PROGRAM_H
#define DANCE_CLI_PROGRAM_H

#include <stddef.h>

#define PROGRAM_WORDS_MAX 8

/* What a program is to have as its own descriptors; it has each of ours that is not closed. */
struct program_files {
    int input;
    int output;
    int errors;
};

/*
 * Run it with these words (the last one NULL, of PROGRAM_WORDS_MAX at most) and wait for its end.
 * 0 with *status as of waitpid(); ETIMEDOUT where it has not ended in time, and then it is killed;
 * another errno: it cannot be started.
 */
int program_run(const char *const words[], const struct program_files *files, unsigned seconds,
                int *status);

/* A descriptor of memory that begins with this text, to be read or written; -1 with errno. */
int program_memory(const char *text);

#endif
