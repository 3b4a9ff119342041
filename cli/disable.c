/*
 * disable.c: dance disable, what dance enable wrote is removed.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "commands.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROOT };
static const struct command_option options[] = {
    [ROOT] = {"root", "DIR", "below this folder"},
    {NULL, NULL, NULL},
};

/* 1: it is gone; 0: there was none; -1: it stays, and it was said why. */
static int remove_one(const struct command_call *call, const char *path)
{
    int ours = unit_is_ours(path);

    if (ours < 0)
        return 0;
    if (ours == 0) {
        (void)command_failed(call->command, "%s was not written by dance enable: it stays", path);
        return -1;
    }
    if (unlink(path) != 0) {
        (void)command_failed(call->command, "%s: %s", path, strerror(errno));
        return -1;
    }
    (void)printf("removed %s\n", path);
    return 1;
}

static enum command_status run(const struct command_call *call)
{
    struct unit unit;
    const char *fault = unit_read(&unit, call->operand[0], call->option[ROOT]);
    int drop_in;
    int conf;

    if (fault != NULL)
        return command_misused(call->command, "'%s': %s", call->operand[0], fault);
    /* The drop-in first: what it names is there as long as it is. */
    drop_in = remove_one(call, unit.drop_in);
    conf = drop_in >= 0 ? remove_one(call, unit.conf_file) : 0;
    if (drop_in > 0)
        (void)rmdir(unit.folder);
    if (drop_in < 0 || conf < 0)
        return COMMAND_FAULT;
    if (drop_in == 0 && conf == 0)
        return command_failed(call->command, "dance is not enabled for %s: there is no %s",
                              unit.name, unit.conf_file);
    (void)printf("now: systemctl daemon-reload; systemctl restart %s\n", unit.name);
    return COMMAND_GOOD;
}

const struct command command_disable = {
    .name = "disable",
    .usage = "UNIT",
    .meaning = "Remove what dance enable wrote for a service",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .run = run,
};
