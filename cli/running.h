/*
 * running.h: a process that runs, or a service that is to: what it was given, what it has loaded.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_RUNNING_H
#define DANCE_CLI_RUNNING_H

#include "examination.h"

#include <stdbool.h>
#include <sys/types.h>

#define RUNNING_USER_MAX 64

struct running {
    pid_t pid;                   /* 0: it does not run */
    char user[RUNNING_USER_MAX]; /* empty: not known */
};

/*
 * Take on the environment of this process, and find whom it runs as. false with why, and then
 * nothing has changed.
 */
bool running_process(struct running *running, pid_t pid, char *why, size_t why_size);

/*
 * The same of a systemd service (a checked name): of its process, or of its unit where it does not
 * run.
 */
bool running_service(struct running *running, const char *unit, char *why, size_t why_size);

/* Say with what it was started, whether it has mapped the module, and of which file. */
void running_module(struct examination *x, const struct running *running);

#endif
