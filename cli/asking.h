/*
 * asking.h: whom a command asks for TLSA records, and how it says so.
 *
 * As a server would, by the code of the module: a resolver behind a socket, or
 * one that is started for this and ends some seconds later.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_ASKING_H
#define DANCE_CLI_ASKING_H

#include "command.h"
#include "dance_wire.h"
#include "owner_name.h"

#include <stdbool.h>

/* From the root, with nothing known yet, a lookup takes longer than a handshake should wait. */
#define ASKING_TIMEOUT "10"

/* Entries of a command's options, at these places of its table. */
#define ASKING_OPTIONS(SOCKET, CONFIG, TIMEOUT)                                                    \
    [SOCKET] = {"socket", "PATH", "ask the resolver that listens there"},                          \
    [CONFIG] = {"config", "FILE", "ask as the dns section of this openssl.cnf says"},              \
    [TIMEOUT] = {"timeout", "SECONDS", "how long to wait (" ASKING_TIMEOUT ", or what FILE says)"}

/* What the command line says; each may be NULL. */
struct asking {
    const char *socket;  /* --socket */
    const char *config;  /* --config: an openssl.cnf, whose dns section counts */
    const char *timeout; /* --timeout */
    bool dns_optional;   /* --config may be without a dns section; then it is as without --config */
};

/* COMMAND_USAGE, and said so, where the command line means nothing. */
enum command_status asking_check(const struct command_call *call, const struct asking *asking);

/* Put it in force, once in a process. COMMAND_FAULT, and said so, where the file is no good. */
enum command_status asking_begin(const struct command_call *call, const struct asking *asking);

/* Both, for the name that is the command's operand, which is put into lower, in lower case. */
enum command_status asking_of_name(const struct command_call *call, const struct asking *asking,
                                   char lower[DANCE_NAME_MAX + 1]);

/* Who answers, as an operator would say it; after asking_begin(). */
const char *asking_resolver_name(void);

/* "secure", "absent" and so on. */
const char *asking_status_name(enum dance_wire_status status);

#endif
