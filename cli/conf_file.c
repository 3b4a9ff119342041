/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "conf_file.h"

#include "keys.h"

#include <limits.h>
#include <openssl/conferr.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

const char *conf_file_value(const struct conf_file *file, const char *section, const char *key)
{
    /* Not NCONF_get_string(), which goes on to look in [default]. */
    const STACK_OF(CONF_VALUE) *lines = NCONF_get_section(file->conf, section);

    for (int i = 0; i < sk_CONF_VALUE_num(lines); i++) {
        const CONF_VALUE *line = sk_CONF_VALUE_value(lines, i);

        if (strcmp(line->name, key) == 0)
            return line->value;
    }
    return NULL;
}

bool conf_file_is_dance(const struct conf_file *file, const CONF_VALUE *provider)
{
    const char *module = conf_file_value(file, provider->value, "module");
    const char *dot = strchr(provider->name, '.');
    const char *slash = module != NULL ? strrchr(module, '/') : NULL;

    /* libcrypto takes what stands in front of a dot from a provider's name. */
    if (strcmp(dot != NULL ? dot + 1 : provider->name, "dance") == 0)
        return true;
    return module != NULL && strcmp(slash != NULL ? slash + 1 : module, "dance.so") == 0;
}

static bool find_module(struct conf_file *file, const char *path, char *why, size_t why_size)
{
    const char *init = conf_file_value(file, "default", "openssl_conf");
    const char *providers = init != NULL ? conf_file_value(file, init, "providers") : NULL;
    const STACK_OF(CONF_VALUE) * lines;

    if (init == NULL) {
        (void)snprintf(why, why_size, "%s: [default] has no openssl_conf", path);
        return false;
    }
    if (providers == NULL) {
        (void)snprintf(why, why_size, "%s: [%s] has no providers", path, init);
        return false;
    }
    lines = NCONF_get_section(file->conf, providers);
    for (int i = 0; i < sk_CONF_VALUE_num(lines); i++) {
        if (conf_file_is_dance(file, sk_CONF_VALUE_value(lines, i)))
            file->module = sk_CONF_VALUE_value(lines, i)->value;
    }
    if (file->module == NULL)
        (void)snprintf(why, why_size, "%s: [%s] has no provider with the module dance.so", path,
                       providers);
    return file->module != NULL;
}

/* Without the "line N" that libcrypto's parser puts at the end of it. */
static int data_len(const char *data)
{
    size_t len = strlen(data);
    size_t end = len;

    while (end > 0 && strchr("0123456789", data[end - 1]) != NULL)
        end--;
    if (end >= 5 && end < len && strncmp(data + end - 5, "line ", 5) == 0)
        len = end - 5;
    return len <= INT_MAX ? (int)len : INT_MAX;
}

bool conf_file_load(struct conf_file *file, const char *path, struct conf_file_fault *fault)
{
    unsigned long error;
    const char *data = NULL;
    const char *reason;
    int flags = 0;

    *file = (struct conf_file){NCONF_new(NULL), NULL};
    *fault = (struct conf_file_fault){0};
    ERR_clear_error();
    if (file->conf != NULL && NCONF_load(file->conf, path, &fault->line) > 0)
        return true;
    error = ERR_peek_error_all(NULL, NULL, NULL, &data, &flags);
    fault->no_variable =
        ERR_GET_LIB(error) == ERR_LIB_CONF && ERR_GET_REASON(error) == CONF_R_VARIABLE_HAS_NO_VALUE;
    reason =
        ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);
    data = (flags & ERR_TXT_STRING) != 0 && data != NULL ? data : "";
    reason = reason != NULL ? reason : "it does not say why";
    if (fault->line > 0)
        (void)snprintf(fault->why, sizeof(fault->why), "OpenSSL cannot read this line: %s%s%.*s",
                       reason, data_len(data) > 0 ? ", " : "", data_len(data), data);
    else
        (void)snprintf(fault->why, sizeof(fault->why), "OpenSSL cannot read it: %s", reason);
    ERR_clear_error();
    return false;
}

bool conf_file_open(struct conf_file *file, const char *path, char *why, size_t why_size)
{
    struct conf_file_fault fault;

    if (conf_file_load(file, path, &fault))
        return find_module(file, path, why, why_size);
    if (fault.line > 0)
        (void)snprintf(why, why_size, "%s:%ld: %s", path, fault.line, fault.why);
    else
        (void)snprintf(why, why_size, "%s: %s", path, fault.why);
    return false;
}

void conf_file_close(struct conf_file *file)
{
    NCONF_free(file->conf);
    *file = (struct conf_file){NULL, NULL};
}

const char *conf_file_get(void *from, const char *parameter)
{
    const struct conf_file *file = from;
    const char *dot = strchr(parameter, '.');
    char name[DANCE_PARAMETER_MAX];
    const char *value;

    if (dot == NULL) {
        value = conf_file_value(file, file->module, parameter);
        /* libcrypto hands over what is in a section, and the name only where there is none. */
        return value != NULL && NCONF_get_section(file->conf, value) == NULL ? value : NULL;
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)(dot - parameter), parameter);
    value = conf_file_value(file, file->module, name);
    return value != NULL ? conf_file_value(file, value, dot + 1) : NULL;
}
