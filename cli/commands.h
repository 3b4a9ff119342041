/*
 * commands.h: every command, each defined in the file of its name.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_COMMANDS_H
#define DANCE_COMMANDS_H

#include "command.h"

extern const struct command command_check;
extern const struct command command_enable;
extern const struct command command_disable;
extern const struct command command_enroll;
extern const struct command command_record;
extern const struct command command_rollover;
extern const struct command command_lookup;
extern const struct command command_flush;
extern const struct command command_status;
extern const struct command command_chain;

#endif
