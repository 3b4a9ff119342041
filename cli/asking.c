/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "asking.h"

#include "conf_file.h"
#include "flush.h"
#include "name.h"
#include "process.h"

#include <string.h>
#include <sys/stat.h>

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

enum command_status asking_check(const struct command_call *call, const struct asking *asking)
{
    const char *socket = asking->socket;
    const char *timeout = asking->timeout;
    const char *allowed = timeout != NULL ? timeout_fault(timeout) : NULL;

    if (asking->config != NULL && socket != NULL)
        return command_misused(call->command, "--socket and --config exclude each other");
    if (socket != NULL && *socket != '/')
        return command_misused(call->command, "--socket: '%s' is no absolute path", socket);
    if (allowed != NULL)
        return command_misused(call->command, "--timeout: '%s': allowed: %s", timeout, allowed);
    return COMMAND_GOOD;
}

/* Where the settings come from. */
static enum command_status find_settings(const struct command_call *call,
                                         const struct asking *asking, struct source *source)
{
    char why[1024];

    if (asking->config != NULL && !conf_file_open(&source->file, asking->config, why, sizeof(why)))
        return command_failed(call->command, "%s", why);
    if (asking->config != NULL && asking->dns_optional
        && conf_file_value(&source->file, source->file.module, "dns") == NULL)
        conf_file_close(&source->file);
    source->resolver = asking->socket;
    source->timeout = asking->timeout;
    if (source->file.module != NULL)
        return COMMAND_GOOD;
    if (source->resolver == NULL)
        source->resolver = is_socket(DANCE_SOCKET_DEFAULT) ? DANCE_SOCKET_DEFAULT : "auto";
    if (source->timeout == NULL)
        source->timeout = ASKING_TIMEOUT;
    return COMMAND_GOOD;
}

static enum command_status configure(const struct command_call *call, const struct asking *asking,
                                     struct source *source)
{
    struct dance_config *config = dance_config_read(get, source);
    bool of_file = source->file.module != NULL;
    const char *fault;

    if (config == NULL)
        return command_failed(call->command, "out of memory");
    if (of_file && !config->present[DANCE_SECTION_DNS])
        fault = "its dance section has no dns";
    else
        fault = dance_config_fault(config, DANCE_SECTION_DNS);
    if (fault != NULL) {
        (void)command_failed(call->command, "%s: %s", of_file ? asking->config : "dns", fault);
        dance_config_free(config);
        return COMMAND_FAULT;
    }
    /* It lives as long as the process. */
    dance_process_configure(config);
    return COMMAND_GOOD;
}

enum command_status asking_begin(const struct command_call *call, const struct asking *asking)
{
    struct source source = {.file = {NULL, NULL}};
    enum command_status status = find_settings(call, asking, &source);

    if (status == COMMAND_GOOD)
        status = configure(call, asking, &source);
    conf_file_close(&source.file);
    return status;
}

enum command_status asking_of_name(const struct command_call *call, const struct asking *asking,
                                   char lower[DANCE_NAME_MAX + 1])
{
    char name[DANCE_NAME_MAX + 1];
    enum command_status status = name_read(call, name);

    if (status == COMMAND_GOOD)
        status = asking_check(call, asking);
    if (status == COMMAND_GOOD)
        status = asking_begin(call, asking);
    if (status == COMMAND_GOOD)
        dance_owner_name_lower(lower, name, strlen(name));
    return status;
}

const char *asking_resolver_name(void)
{
    const char *resolver = dance_config()->resolver;

    return strcmp(resolver, "auto") == 0 ? "a dance-resolver that was started for this lookup"
                                         : resolver;
}

const char *asking_status_name(enum dance_wire_status status)
{
    static const char *const names[] = {
        [DANCE_WIRE_SECURE] = "secure",     [DANCE_WIRE_ABSENT] = "absent",
        [DANCE_WIRE_INSECURE] = "insecure", [DANCE_WIRE_BOGUS] = "bogus",
        [DANCE_WIRE_FAILED] = "failed",     [DANCE_WIRE_BUSY] = "busy"};

    return names[status];
}
