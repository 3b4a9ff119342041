/*
 * flush.c: dance flush, what was found is looked up again.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "flush.h"

#include "commands.h"
#include "json.h"
#include "name.h"

enum { SOCKET, JSON };

static const struct command_option options[] = {
    [SOCKET] = {"socket", "PATH", "where the resolver listens (" DANCE_SOCKET_DEFAULT ")"},
    [JSON] = {"json", NULL, "say it in JSON"},
    {NULL, NULL, NULL},
};

static enum command_status run(const struct command_call *call)
{
    const char *path = call->option[SOCKET] != NULL ? call->option[SOCKET] : DANCE_SOCKET_DEFAULT;
    char name[DANCE_NAME_MAX + 1];
    struct json json = {.out = stdout};
    struct dance_flushed flushed;
    bool good;

    if (name_read(call, name) != COMMAND_GOOD)
        return COMMAND_USAGE;
    flushed = dance_flush(path);
    good = dance_flush_say(flushed, "dance flush", path);
    if (call->option[JSON] != NULL) {
        json_object(&json, NULL);
        json_bool(&json, "service", flushed.service);
        json_number(&json, "others", flushed.others);
        json_string(&json, "status", good ? "good" : "fault");
        json_object_end(&json);
        json_end(&json);
    } else if (good) {
        (void)printf(
            "%s%s; of applications' own resolvers %u were told. They forget everything, %s "
            "with it\n",
            flushed.service ? "forgotten by the resolver at " : "nobody listens at ", path,
            flushed.others, name);
    }
    return good ? COMMAND_GOOD : COMMAND_FAULT;
}

const struct command command_flush = {
    .name = "flush",
    .usage = "NAME",
    .meaning =
        "Have the resolvers forget a name, and everything else, so that it is looked up again",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .run = run,
};
