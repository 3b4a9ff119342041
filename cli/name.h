/*
 * name.h: the owner name on a command line.
 *
 * By the rules of owner_name.h, as the module has them. One trailing dot, as
 * zone files have it, is taken off.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_NAME_H
#define DANCE_CLI_NAME_H

#include "command.h"
#include "owner_name.h"

/* Copy the first operand as it is written; COMMAND_USAGE, and said so, when it is no name. */
enum command_status name_read(const struct command_call *call, char out[DANCE_NAME_MAX + 1]);

#endif
