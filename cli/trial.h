/*
 * trial.h: something is tried in a process of its own.
 *
 * What is tried may run anybody's code (a module, the library of an HSM), as
 * another user. So the child has no terminal to ask at, a time limit, and ends
 * when it has answered, by OpenSSL's own end where that takes no longer than a moment (or a TPM
 * would keep what was loaded into it); whatever it does to itself stays there.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_TRIAL_H
#define DANCE_CLI_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define TRIAL_SECONDS 10
#define TRIAL_TEXT_MAX 2048

/* Whom the child becomes. */
struct trial_user {
    const char *name;
    uid_t uid;
    gid_t gid;
};

/* Tell whether it went well, and why or what in text, which is empty before. */
typedef bool trial_run(const void *from, char *text, size_t size);

/*
 * Run it in a child, as user if that is not NULL, and take what it tells. false as well, with the
 * reason in text, where the child does not answer in TRIAL_SECONDS, ends before that, cannot
 * become the user, or cannot be made.
 */
bool trial(trial_run *run, const void *from, const struct trial_user *user,
           char text[TRIAL_TEXT_MAX]);

#endif
