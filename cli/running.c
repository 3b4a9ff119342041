/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "running.h"

#include "examine_trials.h"
#include "program.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEMCTL_SECONDS 10
#define ENVIRONMENT_MAX ((size_t)4 << 20)

/* All of a file of /proc, NUL-terminated, of *len octets; NULL with errno. */
static char *read_proc(pid_t pid, const char *name, size_t *len)
{
    char path[64];
    char *data = NULL;
    FILE *in;

    (void)snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
    in = fopen(path, "re");
    if (in == NULL)
        return NULL;
    data = OPENSSL_zalloc(ENVIRONMENT_MAX + 1);
    if (data == NULL)
        errno = ENOMEM;
    else
        *len = fread(data, 1, ENVIRONMENT_MAX, in);
    (void)fclose(in);
    return data;
}

static void read_user(struct running *running)
{
    size_t len;
    char *status = read_proc(running->pid, "status", &len);
    const char *line = status != NULL ? strstr(status, "\nUid:") : NULL;
    const struct passwd *user;
    char *end = NULL;

    if (line != NULL) {
        /* The real one first. */
        (void)strtoul(line + strlen("\nUid:"), &end, 10);
        user = getpwuid((uid_t)strtoul(end, &end, 10));
        if (user != NULL)
            (void)snprintf(running->user, sizeof(running->user), "%s", user->pw_name);
    }
    OPENSSL_free(status);
}

/* One "NAME=value", of which the string stays with the environment. */
static bool set_variable(const char *text)
{
    const char *equal = strchr(text, '=');
    char *name = equal != NULL ? OPENSSL_strndup(text, (size_t)(equal - text)) : NULL;
    bool good = name != NULL && setenv(name, equal + 1, 1) == 0;

    OPENSSL_free(name);
    return good;
}

bool running_process(struct running *running, pid_t pid, char *why, size_t why_size)
{
    size_t len = 0;
    char *data = read_proc(pid, "environ", &len);

    *running = (struct running){.pid = pid};
    if (data == NULL) {
        (void)snprintf(why, why_size, "the environment of process %ld: %s", (long)pid,
                       errno == ENOENT ? "there is no such process" : strerror(errno));
        return false;
    }
    (void)clearenv();
    for (size_t at = 0; at < len; at += strlen(data + at) + 1)
        (void)set_variable(data + at);
    OPENSSL_free(data);
    read_user(running);
    return true;
}

/* What "systemctl show" prints: words, where those with blanks stand in double quotes. */
static void set_environment(char *in)
{
    while (*in != '\0') {
        char *word = in;
        char *out = in;
        bool quoted = false;

        for (; *in != '\0' && (quoted || *in != ' '); in++) {
            if (*in == '"') {
                quoted = !quoted;
                continue;
            }
            if (*in == '\\' && in[1] != '\0')
                in++;
            *out++ = *in;
        }
        in += *in == ' ';
        *out = '\0';
        (void)set_variable(word);
    }
}

static void say_unknown(const char *unit, char *why, size_t why_size)
{
    (void)snprintf(why, why_size, "systemctl knows no service %s", unit);
}

/* What systemctl tells of a unit, to be read; NULL with why. */
static FILE *ask_systemctl(const char *unit, char *why, size_t why_size)
{
    char service[UNIT_NAME_MAX + 16];
    const char *const words[] = {"systemctl", "show",
                                 "--property=LoadState,User,MainPID,Environment", service, NULL};
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    int output = program_memory("");
    const struct program_files files = {nothing, output, nothing};
    FILE *in = output >= 0 ? fdopen(output, "r") : NULL;
    int status = -1;
    int failure = errno;

    (void)snprintf(service, sizeof(service), "%s.service", unit);
    if (nothing >= 0 && in != NULL)
        failure = program_run(words, &files, SYSTEMCTL_SECONDS, &status);
    if (nothing >= 0)
        (void)close(nothing);
    if (failure == 0 && status == 0) {
        rewind(in);
        return in;
    }
    if (failure == ETIMEDOUT)
        (void)snprintf(why, why_size, "systemctl has not answered within %d s", SYSTEMCTL_SECONDS);
    else if (failure != 0)
        (void)snprintf(why, why_size, "systemctl cannot be started: %s", strerror(failure));
    else
        say_unknown(unit, why, why_size);
    if (in != NULL)
        (void)fclose(in);
    else if (output >= 0)
        (void)close(output);
    return NULL;
}

/* A line of what it prints. */
static void take_property(struct running *running, char *line, bool *found)
{
    char *end;

    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line, "LoadState=loaded") == 0)
        *found = true;
    else if (strncmp(line, "User=", 5) == 0)
        (void)snprintf(running->user, sizeof(running->user), "%.*s", RUNNING_USER_MAX - 1,
                       line + 5);
    else if (strncmp(line, "MainPID=", 8) == 0)
        running->pid = (pid_t)strtol(line + 8, &end, 10);
    else if (strncmp(line, "Environment=", 12) == 0)
        set_environment(line + 12);
}

bool running_service(struct running *running, const char *unit, char *why, size_t why_size)
{
    FILE *in = ask_systemctl(unit, why, why_size);
    char *line = NULL;
    size_t room = 0;
    bool found = false;

    *running = (struct running){.pid = 0};
    if (in == NULL)
        return false;
    (void)unsetenv("OPENSSL_CONF"); /* this shell's */
    while (getline(&line, &room, in) > 0)
        take_property(running, line, &found);
    free(line);
    (void)fclose(in);
    if (!found)
        say_unknown(unit, why, why_size);
    return found && (running->pid <= 0 || running_process(running, running->pid, why, why_size));
}

/* Of a line of maps: is this file mapped, the same, or another one of its name? */
enum mapping { NOT_MAPPED, MAPPED, MAPPED_BEFORE };

static enum mapping judge_line(const char *line, const char *path, const struct stat *on_disk)
{
    const char *fields = line;
    const char *slash = strrchr(path, '/');
    const char *name = strchr(line, '/');
    const char *found = name != NULL ? strstr(name, slash) : NULL;

    char *end;

    if (found == NULL
        || (found[strlen(slash)] != '\0' && strcmp(found + strlen(slash), " (deleted)") != 0))
        return NOT_MAPPED;
    /* Address, permissions, offset, device. */
    for (int i = 0; i < 4; i++) {
        fields += strcspn(fields, " ");
        fields += strspn(fields, " ");
    }
    /* The device differs on some file systems (btrfs, overlays) although it is the same file. */
    return found[strlen(slash)] == '\0'
                   && strtoull(fields, &end, 10) == (unsigned long long)on_disk->st_ino
               ? MAPPED
               : MAPPED_BEFORE;
}

static void say(struct examination *x, const struct running *running, enum report_severity severity,
                const char *remedy, const char *what, const char *which)
{
    char where[64];

    (void)snprintf(where, sizeof(where), "process %ld", (long)running->pid);
    report_add(x->report, severity, where, remedy, "%s%s", what, which);
}

void running_module(struct examination *x, const struct running *running)
{
    char path[MODULE_PATH_MAX] = "/dance.so";
    struct stat on_disk = {0};
    size_t len;
    enum mapping mapping = NOT_MAPPED;
    char *maps = read_proc(running->pid, "maps", &len);
    char *rest = maps;

    if (getenv("OPENSSL_CONF") == NULL)
        say(x, running, REPORT_WARNING,
            "doc/operators.md says where each application takes it from",
            "it was started without OPENSSL_CONF, and so reads ", x->path);
    if (maps == NULL) {
        say(x, running, REPORT_WARNING, "call the command as root",
            "what it has loaded cannot be seen: ", strerror(errno));
        return;
    }
    if (x->file.module == NULL || !module_path(x, path))
        (void)snprintf(path, sizeof(path), "/dance.so");
    (void)stat(path, &on_disk);
    while (rest != NULL && *rest != '\0' && mapping == NOT_MAPPED)
        mapping = judge_line(strsep(&rest, "\n"), path, &on_disk);
    OPENSSL_free(maps);
    if (mapping == MAPPED)
        say(x, running, REPORT_GOOD, NULL, "it has loaded ", path);
    else if (mapping == MAPPED_BEFORE)
        say(x, running, REPORT_FAULT, "restart it",
            "it runs with a dance.so that is not the one on the disk any more", "");
    else
        say(x, running, REPORT_FAULT,
            "give it OPENSSL_CONF, and restart it (a reload does not read openssl.cnf)",
            "it has not loaded dance.so: nobody is authenticated by DANE", "");
}
