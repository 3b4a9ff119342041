/*
 * force.h: which configuration is in force in this process.
 *
 * Every library context that loads the module brings one, and a process has
 * one: the first, joined with what a later one says of a role that has none yet.
 * What cannot be joined is not in force, which is said, and closes if it may
 * have been meant to close. Nothing that refuses everybody needs memory.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_FORCE_H
#define DANCE_FORCE_H

#include "config.h"

#include <stdbool.h>
#include <stddef.h>

/* What an operator is told of the configuration in force. */
struct dance_force {
    bool good;
    char text[1024];
};

/* Any of the roles is configured, or somebody tried. */
bool dance_config_says_something(const struct dance_config *config);

/*
 * Put config in force as far as that is possible; it is ours from now on. NULL: there was no memory
 * to read it; incomplete: not all of it came to us, perhaps. Why it is not in force goes to text,
 * which is empty when it is.
 */
void dance_force_take_up(struct dance_config *config, bool incomplete, char *text, size_t size);

/* What is in force; NULL when no configuration is. */
const struct dance_force *dance_force_now(void);

/*
 * The server section in force has a fault that only showed when it was put to use; it closes as one
 * of its text would.
 */
void dance_force_server_fault(const char *fault);

/* Log at once, by the configuration in force, or by this one when none is. */
void dance_force_say(const struct dance_config *config, const char *text);

#endif
