/*
 * lookup.c: dance lookup, what a server would be told of a name.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "lookup/ask.h"

#include "asking.h"
#include "commands.h"
#include "json.h"
#include "process.h"
#include "store/text.h"
#include "zone_text.h"

#include <openssl/crypto.h>
#include <string.h>

enum { SOCKET, CONFIG, TIMEOUT, JSON };

static const struct command_option options[] = {
    ASKING_OPTIONS(SOCKET, CONFIG, TIMEOUT),
    [JSON] = {"json", NULL, "say it in JSON"},
    {NULL, NULL, NULL},
};

struct outcome {
    const char *name;
    const char *status;
    uint32_t ttl;
    const struct dance_lookup *lookup;
    bool answered;
};

/* A zone file with the records, and the rest as comments in it. */
static void print_text(const struct outcome *outcome)
{
    const struct dance_wire_answer *answer = &outcome->lookup->answer;
    const char *why = outcome->lookup->why;

    (void)printf("; %s: %s%s%s\n", outcome->name, outcome->status, *why != '\0' ? ": " : "", why);
    if (outcome->answered && answer->status == DANCE_WIRE_SECURE)
        (void)printf("; counts for %lu s still\n", (unsigned long)outcome->ttl);
    (void)printf("; %s %s\n", outcome->answered ? "answered by" : "asked was",
                 asking_resolver_name());
    for (size_t i = 0; outcome->answered && i < answer->count; i++) {
        char *line = zone_text(outcome->name, outcome->ttl, &answer->record[i]);
        char kind[DANCE_STORE_KIND_MAX];

        dance_store_text_kind(kind, &answer->record[i]);
        (void)printf("%s ; %s\n", line != NULL ? line : "; out of memory", kind);
        OPENSSL_free(line);
    }
}

static void print_json(const struct outcome *outcome)
{
    const struct dance_wire_answer *answer = &outcome->lookup->answer;
    struct json json = {.out = stdout};

    json_object(&json, NULL);
    json_string(&json, "name", outcome->name);
    json_string(&json, "status", outcome->status);
    json_string(&json, "reason", outcome->lookup->why);
    json_number(&json, "ttl", outcome->ttl);
    json_string(&json, "resolver", dance_config()->resolver);
    json_array(&json, "records");
    for (size_t i = 0; outcome->answered && i < answer->count; i++)
        zone_text_json(&json, NULL, outcome->name, outcome->ttl, &answer->record[i]);
    json_array_end(&json);
    json_object_end(&json);
    json_end(&json);
}

static enum command_status look_up(const struct command_call *call, const char *name)
{
    struct dance_lookup *lookup = dance_lookup_new();
    struct outcome outcome = {.name = name, .lookup = lookup, .status = "failed"};

    if (lookup == NULL)
        return command_failed(call->command, "out of memory");
    outcome.answered = dance_lookup_run(lookup, name, strlen(name), false) == 1;
    if (outcome.answered) {
        outcome.status = asking_status_name(lookup->answer.status);
        outcome.ttl = lookup->answer.ttl;
    }
    if (call->option[JSON] != NULL)
        print_json(&outcome);
    else
        print_text(&outcome);
    dance_lookup_free(lookup);
    return strcmp(outcome.status, "secure") == 0 ? COMMAND_GOOD : COMMAND_FAULT;
}

static enum command_status run(const struct command_call *call)
{
    char lower[DANCE_NAME_MAX + 1];
    const struct asking asking = {.socket = call->option[SOCKET],
                                  .config = call->option[CONFIG],
                                  .timeout = call->option[TIMEOUT]};
    enum command_status status = asking_of_name(call, &asking, lower);

    return status == COMMAND_GOOD ? look_up(call, lower) : status;
}

const struct command command_lookup = {
    .name = "lookup",
    .usage = "NAME",
    .meaning = "Look up the TLSA records of a client as a server would, validated",
    .operands_min = 1,
    .operands_max = 1,
    .options = options,
    .run = run,
};
