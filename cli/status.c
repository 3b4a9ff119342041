/*
 * status.c: dance status, how the resolver is, and what became of clients.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "commands.h"
#include "conf_file.h"
#include "service.h"
#include "status_print.h"

#include <string.h>

enum { SOCKET, CONFIG, JSON, PROMETHEUS };

static const struct command_option options[] = {
    [SOCKET] = {"socket", "PATH", "where the resolver listens (" DANCE_SOCKET_DEFAULT ")"},
    [CONFIG] = {"config", "FILE", "where the dns section of this openssl.cnf says"},
    [JSON] = {"json", NULL, "say it in JSON"},
    [PROMETHEUS] = {"prometheus", NULL, "say it in Prometheus' text format"},
    {NULL, NULL, NULL},
};

static enum command_status check(const struct command_call *call)
{
    if (call->option[SOCKET] != NULL && call->option[CONFIG] != NULL)
        return command_misused(call->command, "--socket and --config exclude each other");
    if (call->option[JSON] != NULL && call->option[PROMETHEUS] != NULL)
        return command_misused(call->command, "--json and --prometheus exclude each other");
    if (call->option[SOCKET] != NULL && *call->option[SOCKET] != '/')
        return command_misused(call->command, "--socket: '%s' is no absolute path",
                               call->option[SOCKET]);
    return COMMAND_GOOD;
}

static void ask_and_print(const struct command_call *call, struct status *status, const char *path)
{
    if (!status_ask(status, path))
        (void)command_failed(call->command, "%s: %s", path, status->why);
    if (call->option[JSON] != NULL)
        status_print_json(status, stdout);
    else if (call->option[PROMETHEUS] != NULL)
        status_print_prometheus(status, stdout);
    else
        status_print_text(status, stdout);
}

/* Where the resolver listens that the file means; NULL, and said so, where it does not say. */
static const char *find_path(const struct command_call *call, struct conf_file *file)
{
    const char *path = call->option[CONFIG];
    char why[1024];

    if (path == NULL)
        return call->option[SOCKET] != NULL ? call->option[SOCKET] : DANCE_SOCKET_DEFAULT;
    if (!conf_file_open(file, path, why, sizeof(why))) {
        (void)command_failed(call->command, "%s", why);
        return NULL;
    }
    path = conf_file_get(file, "dns.resolver");
    if (path != NULL && *path == '/')
        return path;
    (void)command_failed(call->command,
                         "%s: without resolver = /the/path/of/a/socket each application has a "
                         "resolver of its own, which others cannot ask; 'kill -USR1 PID' has it "
                         "log its counters",
                         call->option[CONFIG]);
    return NULL;
}

static enum command_status run(const struct command_call *call)
{
    struct conf_file file = {NULL, NULL};
    enum command_status outcome = check(call);
    struct status status;
    const char *path;

    if (outcome != COMMAND_GOOD)
        return outcome;
    path = find_path(call, &file);
    outcome = COMMAND_FAULT;
    if (path != NULL) {
        ask_and_print(call, &status, path);
        outcome = status.why[0] == '\0' ? COMMAND_GOOD : COMMAND_FAULT;
        status_free(&status);
    }
    conf_file_close(&file);
    return outcome;
}

const struct command command_status = {
    .name = "status",
    .usage = "",
    .meaning = "Say how the resolver is, and what became of the clients of this machine's servers",
    .operands_min = 0,
    .operands_max = 0,
    .options = options,
    .run = run,
};
