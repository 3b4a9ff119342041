/*
 * status_ask.h: how a resolver says that it is.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_STATUS_ASK_H
#define DANCE_CLI_STATUS_ASK_H

#include "dance_wire_status.h"

#include <stdbool.h>
#include <stddef.h>

struct status {
    const char *path;
    char why[512]; /* why nothing or not all is known, or what is wrong; empty: all is well */
    bool told;     /* the rest is known */
    struct dance_wire_status_head head;
    struct dance_wire_status_of_user *user;
    size_t count;
    unsigned others; /* resolvers that applications have started for themselves */
};

/*
 * Ask the resolver that listens at path; a worker of our own user is started if there is none, and
 * has to answer. Each wait is bounded. To be freed in any case. true: all is well.
 */
bool status_ask(struct status *status, const char *path);
void status_free(struct status *status);

#define STATUS_USER_MAX 64
#define STATUS_CODE_MAX 48

/* The name of a user, or his number where he has none. */
void status_user_name(char name[STATUS_USER_MAX], uint32_t uid);

/* A reason, as the log has it: "tlsa-absent"; or "reason-60", of a module that is younger. */
void status_reason(char code[STATUS_CODE_MAX], unsigned place);

/* "ready" and so on. */
const char *status_worker(const struct dance_wire_status_of_user *user);

#endif
