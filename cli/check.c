/*
 * check.c: dance check, whether an openssl.cnf does what it is meant to.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "commands.h"
#include "examine.h"

#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <string.h>

enum { CONFIG, JSON };

static const struct command_option options[] = {
    [CONFIG] = {"config", "FILE", "this openssl.cnf (the one of the environment)"},
    [JSON] = {"json", NULL, "say it in JSON"},
    {NULL, NULL, NULL},
};

static enum command_status run(const struct command_call *call)
{
    struct report report;
    struct examination x = {.report = &report};
    char *usual = NULL;

    /* What the file loads is for processes of its own. */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    x.path = call->option[CONFIG];
    if (x.path == NULL)
        x.path = usual = CONF_get1_default_config_file();
    if (x.path == NULL || *x.path == '\0')
        return command_misused(call->command, "--config: the name of the file is missing");
    report_begin(&report, stdout, call->option[JSON] != NULL);
    (void)examine_file(&x);
    examine_end(&x);
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
