/*
 * main.c: dance, one program for those who run what dance.so is in.
 *
 * See doc/dance.1. Exit status: 0 good, 1 a fault, 2 the command line means nothing.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "command.h"
#include "commands.h"
#include "openssl/compat.h"

#include <string.h>

static const struct command *const commands[] = {
    &command_check,    &command_enable, &command_disable, &command_enroll, &command_record,
    &command_rollover, &command_lookup, &command_flush,   &command_status, &command_chain,
};
#define COUNT (sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

static void print_commands(FILE *out)
{
    (void)fputs("usage: dance COMMAND ...\n"
                "       dance help [COMMAND]\n"
                "       dance --version\n"
                "DANE TLS client authentication for OpenSSL applications; see dance(1).\n",
                out);
    for (size_t i = 0; i < COUNT; i++)
        (void)fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->meaning);
}

static enum command_status unknown(const char *name)
{
    (void)fprintf(stderr, "dance: there is no command '%s'; 'dance help' lists them\n", name);
    return COMMAND_USAGE;
}

static enum command_status help(int argc, char *argv[])
{
    const struct command *command;

    if (argc < 2) {
        print_commands(stdout);
        return COMMAND_GOOD;
    }
    command = find(argv[1]);
    if (command == NULL)
        return unknown(argv[1]);
    command_print_usage(command, stdout);
    return COMMAND_GOOD;
}

static enum command_status run(int argc, char *argv[])
{
    const struct command *command;
    struct command_call call;
    enum command_status status;

    if (argc < 2) {
        print_commands(stderr);
        return COMMAND_USAGE;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0)
        return help(argc - 1, argv + 1);
    if (strcmp(argv[1], "--version") == 0) {
        (void)puts("dance " DANCE_VERSION);
        return COMMAND_GOOD;
    }
    command = find(argv[1]);
    if (command == NULL)
        return unknown(argv[1]);
    if (argc > 2 && strcmp(argv[2], "--help") == 0) {
        command_print_usage(command, stdout);
        return COMMAND_GOOD;
    }
    status = command_read(command, argc - 1, argv + 1, &call);
    return status == COMMAND_GOOD ? command->run(&call) : status;
}

int main(int argc, char *argv[])
{
    enum command_status status;

    /* Whether OpenSSL has raw public keys decides what a configuration may say. */
    dance_compat_find_linked();
    status = run(argc, argv);
    /* What nobody could read was not done. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("dance: standard output");
        if (status == COMMAND_GOOD)
            status = COMMAND_FAULT;
    }
    return (int)status;
}
