/*
 * check.c: dance check, whether an openssl.cnf does what it is meant to.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "commands.h"
#include "examine.h"
#include "examine_files.h"
#include "examine_sections.h"
#include "examine_trials.h"

#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

enum { CONFIG, USER, JSON };

static const struct command_option options[] = {
    [CONFIG] = {"config", "FILE", "this openssl.cnf (the one of the environment)"},
    [USER] = {"user", "USER", "open what it names as this user (root alone can)"},
    [JSON] = {"json", NULL, "say it in JSON"},
    {NULL, NULL, NULL},
};

/* NULL as *user: whoever calls. */
static enum command_status find_user(const struct command_call *call, struct trial_user *room,
                                     const struct trial_user **user)
{
    const char *name = call->option[USER];
    const struct passwd *entry;

    *user = NULL;
    if (name == NULL)
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

static enum command_status run(const struct command_call *call)
{
    struct report report;
    struct examination x = {.report = &report};
    struct trial_user room;
    const struct trial_user *user;
    enum command_status status = find_user(call, &room, &user);
    char *usual = NULL;

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
    }
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
