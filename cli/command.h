/*
 * command.h: what a command of dance(1) is, and how its command line is read.
 *
 * Each command is one file that defines one struct command; main.c lists them.
 * Help, usage and the reading of options all come from that struct, so an
 * option is written down once. Options and operands may stand in any order,
 * "--" ends the options, and an option may be shortened as long as it is clear.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_COMMAND_H
#define DANCE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Exit statuses, of every command. */
enum command_status {
    COMMAND_GOOD = 0,
    COMMAND_FAULT = 1, /* it ran, and something is not good */
    COMMAND_USAGE = 2  /* the command line means nothing */
};

#define COMMAND_OPTIONS_MAX 16

struct command_option {
    const char *name;    /* without the dashes */
    const char *value;   /* what its value is, as "FILE"; NULL: it takes none */
    const char *meaning; /* one line */
};

/* A command line that was read. */
struct command_call {
    const struct command *command;
    /* In the order of the command's options: the value, "" where it takes none, NULL: not given. */
    const char *option[COMMAND_OPTIONS_MAX];
    size_t count;
    char *const *operand;
};

struct command {
    const char *name;
    const char *usage;   /* its operands, as "NAME"; "" where there are none */
    const char *meaning; /* one line */
    size_t operands_min;
    size_t operands_max;
    const struct command_option *options; /* ended by one without a name */
    enum command_status (*run)(const struct command_call *call);
};

/*
 * Read argv, whose first element is the command's name; its order is changed,
 * and call points into it. COMMAND_GOOD: go on; else it was said what is wrong.
 */
enum command_status command_read(const struct command *command, int argc, char *argv[],
                                 struct command_call *call);

/* How it is called and what its options mean. */
void command_print_usage(const struct command *command, FILE *out);

/* Say on stderr what is wrong with a command line, and how it goes. Returns COMMAND_USAGE. */
enum command_status command_misused(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Say on stderr what went wrong. Returns COMMAND_FAULT. */
enum command_status command_failed(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * The value of a number option: text as a decimal number from low to high, or
 * usual where text is NULL. COMMAND_USAGE, and said so, when it is not one.
 */
enum command_status command_number(const struct command_call *call, size_t option, unsigned low,
                                   unsigned high, unsigned usual, unsigned *out);

#endif
