/*
 * rollover.c: dance rollover, a client's key is replaced without it ever being refused.
 *
 * A new key beside the old one, both records, the new key in its place when every
 * server knows its record, the old record gone when nobody uses its key. Each call
 * goes on where the one before stopped, as far as it can.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "asking.h"
#include "commands.h"
#include "key_file.h"
#include "name.h"
#include "now.h"
#include "rollover_conf.h"
#include "rollover_run.h"
#include "update.h"
#include "zone_text.h"

#include <string.h>
#include <unistd.h>

#define WAIT_MAX 31536000u /* a year */

enum { KEY, TTL, UPDATE, TSIG, SOCKET, CONFIG, WAIT, FINISH, CERT_READY, JSON };

static const struct command_option options[] = {
    [KEY] = {"key", "FILE", "the client's private key, which is replaced"},
    [TTL] = {"ttl", "SECONDS", "the record's TTL, the longest that it had or has (3600)"},
    [UPDATE] = {"update", "SERVER", "publish and remove records by dynamic update"},
    [TSIG] = {"tsig", "KEYFILE", "sign the update with this key (nsupdate -k)"},
    [SOCKET] = {"socket", "PATH", "ask the resolver that listens there"},
    [CONFIG] = {"config", "FILE", "the client's openssl.cnf; its dns section says whom to ask"},
    [WAIT] = {"wait", "SECONDS", "wait for so long for what is not yet so (0)"},
    [FINISH] = {"finish", NULL, "go on until the old record and FILE.old are gone"},
    [CERT_READY] = {"cert-ready", NULL, "the client's certificate is issued for the new key"},
    [JSON] = {"json", NULL, "say it in JSON"},
    {NULL, NULL, NULL},
};

/* The command line, as far as it can be judged without looking at any file. */
static enum command_status read_call(const struct command_call *call, struct rollover *r,
                                     const struct asking *asking)
{
    unsigned ttl;
    unsigned wait;
    const char *fault;

    *r = (struct rollover){.command = call->command,
                           .server = call->option[UPDATE],
                           .tsig = call->option[TSIG],
                           .finish = call->option[FINISH] != NULL,
                           .cert_ready = call->option[CERT_READY] != NULL,
                           .json = call->option[JSON] != NULL,
                           .notes_fd = -1};
    if (name_read(call, r->name) != COMMAND_GOOD
        || command_number(call, TTL, 0, ZONE_TTL_MAX, ZONE_TTL_USUAL, &ttl) != COMMAND_GOOD
        || command_number(call, WAIT, 0, WAIT_MAX, 0, &wait) != COMMAND_GOOD
        || asking_check(call, asking) != COMMAND_GOOD)
        return COMMAND_USAGE;
    if (call->option[KEY] == NULL)
        return command_misused(call->command, "of what? --key is needed");
    fault = r->server != NULL ? update_server_fault(r->server) : NULL;
    if (fault != NULL)
        return command_misused(call->command, "--update: '%s': %s", r->server, fault);
    if (r->tsig != NULL && r->server == NULL)
        return command_misused(call->command, "--tsig is for --update");
    dance_owner_name_lower(r->lower, r->name, strlen(r->name));
    r->notes.ttl = ttl;
    r->end = dance_now_ms() + (long long)wait * 1000;
    r->facts.name = r->name;
    r->facts.paths = &r->paths;
    r->facts.server = r->server;
    r->facts.answer = r->answer;
    return COMMAND_GOOD;
}

/* What the notes say, with --ttl where it is longer. */
static enum command_status open_notes(const struct command_call *call, struct rollover *r)
{
    struct rollover_notes notes;
    char why[ROLLOVER_WHY_MAX];

    if (!rollover_notes_open(&r->paths, &r->notes_fd, &notes, &r->noted, why, sizeof(why)))
        return rollover_failed(r, why);
    if (!r->noted)
        return COMMAND_GOOD;
    if (strcmp(notes.name, r->lower) != 0)
        return command_failed(call->command,
                              "%s: the rollover that is under way is of %s; name that, or remove "
                              "the file if there is none",
                              r->paths.notes, notes.name);
    if (call->option[TTL] == NULL || r->notes.ttl <= notes.ttl) {
        r->notes = notes;
        return COMMAND_GOOD;
    }
    notes.ttl = r->notes.ttl;
    r->notes = notes;
    return rollover_save_notes(r);
}

static enum command_status begin(const struct command_call *call, struct rollover *r,
                                 const struct asking *asking)
{
    char why[ROLLOVER_WHY_MAX];
    enum command_status status;

    if (!rollover_paths_find(&r->paths, call->option[KEY], why, sizeof(why))
        || (asking->config != NULL
            && !rollover_conf_check(asking->config, r->lower, r->paths.key, &r->facts.certificate,
                                    why, sizeof(why))))
        return rollover_failed(r, why);
    r->facts.certificate = r->facts.certificate || key_file_has_certificate(r->paths.key);
    status = asking_begin(call, asking);
    return status == COMMAND_GOOD ? open_notes(call, r) : status;
}

static enum command_status run(const struct command_call *call)
{
    const struct asking asking = {
        .socket = call->option[SOCKET], .config = call->option[CONFIG], .dns_optional = true};
    struct rollover r;
    bool ended = false;
    enum command_status status = read_call(call, &r, &asking);

    if (status == COMMAND_GOOD)
        status = begin(call, &r, &asking);
    while (status == COMMAND_GOOD && !ended)
        status = rollover_go_on(&r, &ended);
    rollover_forget_keys(&r);
    if (r.notes_fd >= 0)
        (void)close(r.notes_fd);
    return status;
}

const struct command command_rollover = {
    .name = "rollover",
    .usage = "NAME",
    .meaning = "Replace a client's key, without it being refused at any time",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .run = run,
};
