/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "resolvers.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESOLVER "dance-resolver"
#define FILE_MAX 4096

/* A file of the process of this number; its length, 0 where nothing can be read. */
static size_t read_file(const char *number, const char *name, char out[FILE_MAX])
{
    char path[64];
    FILE *file;
    size_t len;

    (void)snprintf(path, sizeof(path), "/proc/%.20s/%s", number, name);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    len = fread(out, 1, FILE_MAX - 1, file);
    (void)fclose(file);
    out[len] = '\0';
    return len;
}

/* The process of this number has our name. */
static bool is_resolver(const char *number)
{
    char comm[FILE_MAX];

    return read_file(number, "comm", comm) > 0 && strcmp(comm, RESOLVER "\n") == 0;
}

/* It was given its channel, and listens nowhere. */
static bool is_own(const char *number)
{
    static const char option[] = "--channel";
    char line[FILE_MAX];
    size_t len = read_file(number, "cmdline", line);

    for (size_t at = 0; at < len; at += strlen(line + at) + 1) {
        if (strncmp(line + at, option, sizeof(option) - 1) == 0)
            return true;
    }
    return false;
}

unsigned dance_resolvers_count(dance_resolvers_visit *visit)
{
    DIR *processes = opendir("/proc");
    const struct dirent *entry;
    unsigned count = 0;

    while (processes != NULL && (entry = readdir(processes)) != NULL) {
        long pid = strtol(entry->d_name, NULL, 10);

        if (pid > 1 && pid != (long)getpid() && is_resolver(entry->d_name))
            count += visit((pid_t)pid, is_own(entry->d_name));
    }
    if (processes != NULL)
        (void)closedir(processes);
    return count;
}
