/*
 * check.c: dance check, whether an openssl.cnf does what it is meant to.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "commands.h"
#include "examine.h"
#include "examine_dns.h"
#include "examine_files.h"
#include "examine_handshakes.h"
#include "examine_sections.h"
#include "examine_trials.h"
#include "running.h"
#include "unit.h"

#include <limits.h>
#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

enum { CONFIG, USER, PID, SERVICE, OFFLINE, JSON };

static const struct command_option options[] = {
    [CONFIG] = {"config", "FILE", "this openssl.cnf (the one of the environment)"},
    [USER] = {"user", "USER", "open what it names as this user (root alone can)"},
    [PID] = {"pid", "PID", "what this process was started with, and has loaded"},
    [SERVICE] = {"service", "UNIT", "the same of a systemd service"},
    [OFFLINE] = {"offline", NULL, "ask no resolver, and nothing else that may change by itself"},
    [JSON] = {"json", NULL, "say it in JSON"},
    {NULL, NULL, NULL},
};

/* Whose configuration it is; its environment is ours from then on. */
static enum command_status find_running(const struct command_call *call, struct running *running)
{
    const char *service = call->option[SERVICE];
    struct unit unit;
    const char *fault;
    char why[256];
    unsigned pid;
    bool found;

    *running = (struct running){.pid = 0};
    if (service != NULL && call->option[PID] != NULL)
        return command_misused(call->command, "--service and --pid exclude each other");
    if (service == NULL && call->option[PID] == NULL)
        return COMMAND_GOOD;
    if (service != NULL) {
        fault = unit_read(&unit, service, NULL);
        if (fault != NULL)
            return command_misused(call->command, "--service: '%s': %s", service, fault);
        found = running_service(running, unit.name, why, sizeof(why));
    } else {
        if (command_number(call, PID, 1, INT_MAX, 0, &pid) != COMMAND_GOOD)
            return COMMAND_USAGE;
        found = running_process(running, (pid_t)pid, why, sizeof(why));
    }
    return found ? COMMAND_GOOD : command_failed(call->command, "%s", why);
}

/* NULL as *user: whoever calls. */
static enum command_status find_user(const struct command_call *call, const struct running *running,
                                     struct trial_user *room, const struct trial_user **user)
{
    const char *name = call->option[USER] != NULL ? call->option[USER] : running->user;
    const struct passwd *entry;

    *user = NULL;
    if (*name == '\0' && call->option[USER] == NULL)
        return COMMAND_GOOD;
    entry = getpwnam(name);
    if (entry == NULL)
        return command_misused(call->command, "--user: there is no user '%s'", name);
    if (geteuid() != 0 && entry->pw_uid != geteuid())
        return command_failed(call->command, "--user: only root can become %s", name);
    *room = (struct trial_user){name, entry->pw_uid, entry->pw_gid};
    *user = room;
    return COMMAND_GOOD;
}

/* Where something is wrong already, that would be found once more. */
static bool is_good(const struct examination *x)
{
    return x->report->count[REPORT_FAULT] == 0;
}

static void examine_moment(struct examination *x, const struct trial_user *user)
{
    examine_syslog(x, user);
    if (is_good(x))
        examine_dns(x, user);
    if (is_good(x))
        examine_validated(x, user);
}

static enum command_status run(const struct command_call *call)
{
    struct report report;
    struct examination x = {.report = &report};
    struct trial_user room;
    const struct trial_user *user;
    struct running running;
    enum command_status status = find_running(call, &running);
    char *usual = NULL;

    if (status == COMMAND_GOOD)
        status = find_user(call, &running, &room, &user);
    if (status != COMMAND_GOOD)
        return status;

    /* What the file loads is for processes of its own. */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    x.path = call->option[CONFIG];
    if (x.path == NULL)
        x.path = usual = CONF_get1_default_config_file();
    if (x.path == NULL || *x.path == '\0') {
        OPENSSL_free(usual);
        return command_misused(call->command, "%s is empty, so there is no file",
                               call->option[CONFIG] == NULL ? "OPENSSL_CONF" : "--config");
    }
    report_begin(&report, stdout, call->option[JSON] != NULL);
    if (examine_file(&x) && examine_sections(&x) && examine_readable(&x, user)) {
        examine_trials(&x, user);
        examine_files(&x, user);
        if (is_good(&x))
            examine_handshakes(&x, user);
        if (call->option[OFFLINE] == NULL)
            examine_moment(&x, user);
    }
    if (running.pid > 0)
        running_module(&x, &running);
    examination_end(&x);
    OPENSSL_free(usual);
    return report_end(&report);
}

const struct command command_check = {
    .name = "check",
    .usage = "",
    .meaning = "Say what is wrong with an openssl.cnf",
    .operands_min = 0,
    .operands_max = 0,
    .options = options,
    .run = run,
};
