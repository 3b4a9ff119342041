/*
 * lookup.c: dance lookup, what a server would be told of a name.
 *
 * Asked in the same way, by the code of the module: a resolver behind a socket,
 * or one that is started for this and ends some seconds later.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "lookup/ask.h"

#include "commands.h"
#include "conf_file.h"
#include "flush.h"
#include "json.h"
#include "name.h"
#include "process.h"
#include "store/text.h"
#include "zone_text.h"

#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>

/* From the root, with nothing known yet, a lookup takes longer than a handshake should wait. */
#define TIMEOUT_USUAL "10"

enum { SOCKET, CONFIG, TIMEOUT, JSON };

static const struct command_option options[] = {
    [SOCKET] = {"socket", "PATH", "ask the resolver that listens there"},
    [CONFIG] = {"config", "FILE", "ask as the dns section of this openssl.cnf says"},
    [TIMEOUT] = {"timeout", "SECONDS", "how long to wait (" TIMEOUT_USUAL ", or what FILE says)"},
    [JSON] = {"json", NULL, "say it in JSON"},
    {NULL, NULL, NULL},
};

/* Where the settings of a lookup come from. */
struct source {
    struct conf_file file; /* its module is NULL without one */
    const char *resolver;  /* before the file's; NULL: as the file says */
    const char *timeout;
};

/* dance_config_get: the dns section alone; the rest of a configuration is not of interest here. */
static const char *get(void *from, const char *parameter)
{
    struct source *source = from;

    if (strcmp(parameter, "log") == 0)
        return "none";
    if (strcmp(parameter, "dns.resolver") == 0 && source->resolver != NULL)
        return source->resolver;
    if (strcmp(parameter, "dns.timeout") == 0 && source->timeout != NULL)
        return source->timeout;
    if (source->file.module == NULL
        || (strcmp(parameter, "dns") != 0 && strncmp(parameter, "dns.", 4) != 0))
        return NULL;
    return conf_file_get(&source->file, parameter);
}

static bool is_socket(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* What may be given as --timeout is what may be given as the key; NULL when it is. */
static const char *timeout_fault(const char *text)
{
    struct dance_config scratch = {0};

    for (size_t i = 0; i < dance_config_keys_count; i++) {
        const struct dance_config_key *key = &dance_config_keys[i];

        if (key->section == DANCE_SECTION_DNS && strcmp(key->name, "timeout") == 0)
            return key->parse(&scratch, text) == 1 ? NULL : key->allowed;
    }
    return NULL;
}

static enum command_status check_options(const struct command_call *call)
{
    const char *socket = call->option[SOCKET];
    const char *timeout = call->option[TIMEOUT];
    const char *allowed = timeout != NULL ? timeout_fault(timeout) : NULL;

    if (call->option[CONFIG] != NULL && socket != NULL)
        return command_misused(call->command, "--socket and --config exclude each other");
    if (socket != NULL && *socket != '/')
        return command_misused(call->command, "--socket: '%s' is no absolute path", socket);
    if (allowed != NULL)
        return command_misused(call->command, "--timeout: '%s': allowed: %s", timeout, allowed);
    return COMMAND_GOOD;
}

/* Put in force what the command line says. */
static enum command_status configure(const struct command_call *call, struct source *source)
{
    const char *path = call->option[CONFIG];
    const char *fault = NULL;
    struct dance_config *config;
    char why[1024];

    if (path != NULL && !conf_file_open(&source->file, path, why, sizeof(why)))
        return command_failed(call->command, "%s", why);
    source->resolver = call->option[SOCKET];
    if (path == NULL && source->resolver == NULL)
        source->resolver = is_socket(DANCE_SOCKET_DEFAULT) ? DANCE_SOCKET_DEFAULT : "auto";
    source->timeout = call->option[TIMEOUT];
    if (source->timeout == NULL && path == NULL)
        source->timeout = TIMEOUT_USUAL;
    config = dance_config_read(get, source);
    if (config == NULL)
        return command_failed(call->command, "out of memory");
    if (path != NULL && !config->present[DANCE_SECTION_DNS])
        fault = "its dance section has no dns";
    else
        fault = dance_config_fault(config, DANCE_SECTION_DNS);
    if (fault != NULL) {
        (void)command_failed(call->command, "%s: %s", path != NULL ? path : "dns", fault);
        dance_config_free(config);
        return COMMAND_FAULT;
    }
    /* It lives as long as the process. */
    dance_process_configure(config);
    return COMMAND_GOOD;
}

/* Who answers, as an operator would say it. */
static const char *resolver_name(void)
{
    const char *resolver = dance_config()->resolver;

    return strcmp(resolver, "auto") == 0 ? "a dance-resolver that was started for this lookup"
                                         : resolver;
}

struct outcome {
    const char *name;
    const char *status;
    uint32_t ttl;
    const struct dance_lookup *lookup;
    bool answered;
};

static const char *status_name(enum dance_wire_status status)
{
    static const char *const names[] = {
        [DANCE_WIRE_SECURE] = "secure",     [DANCE_WIRE_ABSENT] = "absent",
        [DANCE_WIRE_INSECURE] = "insecure", [DANCE_WIRE_BOGUS] = "bogus",
        [DANCE_WIRE_FAILED] = "failed",     [DANCE_WIRE_BUSY] = "busy"};

    return names[status];
}

/* A zone file with the records, and the rest as comments in it. */
static void print_text(const struct outcome *outcome)
{
    const struct dance_wire_answer *answer = &outcome->lookup->answer;
    const char *why = outcome->lookup->why;

    (void)printf("; %s: %s%s%s\n", outcome->name, outcome->status, *why != '\0' ? ": " : "", why);
    if (outcome->answered && answer->status == DANCE_WIRE_SECURE)
        (void)printf("; counts for %lu s still\n", (unsigned long)outcome->ttl);
    (void)printf("; %s %s\n", outcome->answered ? "answered by" : "asked was", resolver_name());
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
        outcome.status = status_name(lookup->answer.status);
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
    char name[DANCE_NAME_MAX + 1];
    char lower[DANCE_NAME_MAX + 1];
    struct source source = {.file = {NULL, NULL}};
    enum command_status status = name_read(call, name);

    if (status == COMMAND_GOOD)
        status = check_options(call);
    if (status == COMMAND_GOOD)
        status = configure(call, &source);
    conf_file_close(&source.file);
    if (status != COMMAND_GOOD)
        return status;
    dance_owner_name_lower(lower, name, strlen(name));
    return look_up(call, lower);
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
