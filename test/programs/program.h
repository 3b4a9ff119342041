/*
 * program.h: what the programs of the tests and of bench/ have in common:
 * reading their command line, listening on loopback, giving up.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_TEST_PROGRAM_H
#define DANCE_TEST_PROGRAM_H

#include <netinet/in.h>
#include <openssl/err.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Say what failed, and why as far as errno and OpenSSL know; then exit with 1. */
__attribute__((noreturn)) static inline void die(const char *what)
{
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* An option: one letter, with or without something behind it. */
struct program_option {
    char letter;
    const char **text; /* takes a text, */
    int *number;       /* or a number, */
    int *flags;        /* or nothing: these bits are set */
    int bits;
};
#define TEXT(LETTER, WHERE)                                                                        \
    {                                                                                              \
        .letter = (LETTER), .text = &(WHERE)                                                       \
    }
#define NUMBER(LETTER, WHERE)                                                                      \
    {                                                                                              \
        .letter = (LETTER), .number = &(WHERE)                                                     \
    }
#define BITS(LETTER, WHERE, BITS_)                                                                 \
    {                                                                                              \
        .letter = (LETTER), .flags = &(WHERE), .bits = (BITS_)                                     \
    }
#define FLAG(LETTER, WHERE) BITS(LETTER, WHERE, 1)

/* Read the command line; the table ends with a letter of 0. Exits with 2 where it is wrong. */
static inline void read_options(int argc, char *argv[], const struct program_option *table)
{
    char letters[128];
    size_t len = 0;
    int c;

    for (const struct program_option *o = table; o->letter != 0 && len + 3 < sizeof(letters); o++) {
        letters[len++] = o->letter;
        if (o->flags == NULL)
            letters[len++] = ':';
    }
    letters[len] = '\0';
    while ((c = getopt(argc, argv, letters)) != -1) {
        const struct program_option *o = table;

        while (o->letter != 0 && o->letter != c)
            o++;
        if (o->letter == 0)
            exit(2);
        if (o->text != NULL)
            *o->text = optarg;
        else if (o->number != NULL)
            *o->number = atoi(optarg);
        else
            *o->flags |= o->bits;
    }
}

/* A socket that listens at this port of 127.0.0.1. */
static inline int listen_at(int port, int backlog)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0
        || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, backlog) != 0)
        die("listen");
    return fd;
}

#endif
