/*
 * rollover_run.h: one call of dance rollover, while it runs.
 *
 * rollover_see.c finds out how things are, rollover_act.c does the steps, rollover.c
 * reads the command line.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_ROLLOVER_RUN_H
#define DANCE_CLI_ROLLOVER_RUN_H

#include "command.h"
#include "rollover_files.h"
#include "rollover_say.h"

#include <openssl/evp.h>

#define ROLLOVER_WHY_MAX (PATH_MAX + 512)

struct rollover {
    const struct command *command;
    const char *server; /* of --update, or NULL */
    const char *tsig;   /* of --tsig, or NULL */
    bool finish, cert_ready, json;
    char name[DANCE_NAME_MAX + 1];
    char lower[DANCE_NAME_MAX + 1];
    long long end; /* of --wait, by dance_now_ms() */
    struct rollover_paths paths;
    struct rollover_files files;
    struct rollover_notes notes;
    bool noted; /* there are notes */
    int notes_fd;
    EVP_PKEY *old_key;
    EVP_PKEY *new_key;
    bool visible;       /* a record of the new key is in a secure answer */
    bool old_visible;   /* one of the old key */
    bool other_visible; /* one that is not the new key's: perhaps the old one's, in another form */
    char answer[600];
    enum rollover_step told; /* the last step that was told of in words */
    bool told_any;
    struct rollover_facts facts;
};

/* Say on stderr what went wrong. Returns COMMAND_FAULT. Each function here says its own faults. */
enum command_status rollover_failed(const struct rollover *r, const char *why);

/* The two keys, wherever they are by now, and their records (3 1 1). */
enum command_status rollover_load_keys(struct rollover *r);
void rollover_forget_keys(struct rollover *r);
enum command_status rollover_make_record(const struct rollover *r, EVP_PKEY *key,
                                         struct dance_wire_record *record);

/* What the resolver says of the name now: visible and so on, answer, and the longest TTL. */
enum command_status rollover_look_up(struct rollover *r);

enum command_status rollover_save_notes(struct rollover *r);

/* See how things are and do what comes next. *ended: the call ends with that. */
enum command_status rollover_go_on(struct rollover *r, bool *ended);

#endif
