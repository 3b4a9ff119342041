/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "rollover_conf.h"

#include "conf_file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Is the value of private_key this file? */
static bool same_file(const char *value, const char *key)
{
    char absolute[PATH_MAX];

    if (strncmp(value, "file:", 5) == 0)
        value += strncmp(value + 5, "///", 3) == 0 ? 7 : 5;
    return realpath(value, absolute) != NULL && strcmp(absolute, key) == 0;
}

static bool check(struct conf_file *file, const char *path, const char *name, const char *key,
                  char *why, size_t why_size)
{
    const char *identity = conf_file_get(file, "client.identity");
    const char *private_key = conf_file_get(file, "client.private_key");

    if (identity != NULL && strcasecmp(identity, name) != 0)
        (void)snprintf(why, why_size, "%s: its identity is %.253s; name that, or another file",
                       path, identity);
    else if (private_key != NULL && !same_file(private_key, key))
        (void)snprintf(why, why_size,
                       "%s: its private_key is another one than --key; name the same file", path);
    else
        return true;
    return false;
}

bool rollover_conf_check(const char *path, const char *name, const char *key, bool *certificate,
                         char *why, size_t why_size)
{
    struct conf_file file;
    bool good =
        conf_file_open(&file, path, why, why_size) && check(&file, path, name, key, why, why_size);

    *certificate = good && conf_file_get(&file, "client.certificate") != NULL;
    conf_file_close(&file);
    return good;
}
