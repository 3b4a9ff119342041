/*
 * enable.c: dance enable, a service gets an openssl.cnf in which dance is in force.
 *
 * Nothing is written that OpenSSL was not seen to load with dance in force, and
 * nothing that is there already is changed.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "combine.h"
#include "commands.h"
#include "conf_file.h"
#include "conf_lines.h"
#include "flush.h"
#include "loaded.h"
#include "new_file.h"
#include "unit.h"

#include <errno.h>
#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONFIG, POLICY, ALLOW, RESOLVER, IDENTITY, KEY, ROOT, DRY_RUN };
static const struct command_option options[] = {
    [CONFIG] = {"config", "FILE", "the openssl.cnf whose settings are to stay (OpenSSL's own)"},
    [POLICY] = {"policy", "POLICY", "of the server: mixed, dane or require (require)"},
    [ALLOW] = {"allow", "LIST", "the clients that the server lets in"},
    [RESOLVER] = {"resolver", "WHICH",
                  "auto, or the path of its socket (" DANCE_SOCKET_DEFAULT ")"},
    [IDENTITY] = {"identity", "NAME", "of the client: the owner name of its TLSA record"},
    [KEY] = {"key", "FILE|URI", "of the client: its private key"},
    [ROOT] = {"root", "DIR", "write below this folder"},
    [DRY_RUN] = {"dry-run", NULL, "say what would be written, and write nothing"},
    {NULL, NULL, NULL},
};

struct plan {
    struct unit unit;
    struct combination combination;
    struct conf_file theirs; /* without conf: there is none */
    char comment[2 * UNIT_NAME_MAX + 64];
    char theirs_path[PATH_MAX];
    char *text;
    bool clean; /* OpenSSL passes nothing of it over */
    char drop_in[1024 + PATH_MAX];
};

static const char *option_or(const struct command_call *call, size_t option, const char *usual)
{
    return call->option[option] != NULL ? call->option[option] : usual;
}

/* Which role, and does the command line have what it needs? */
static enum command_status read_roles(const struct command_call *call, struct combination *c)
{
    bool client = strcmp(call->operand[0], "client") == 0;

    if (!client && strcmp(call->operand[0], "server") != 0)
        return command_misused(call->command, "'%s' is neither server nor client",
                               call->operand[0]);
    c->allow = call->option[ALLOW];
    c->policy = option_or(call, POLICY, "require");
    c->resolver = option_or(call, RESOLVER, DANCE_SOCKET_DEFAULT);
    c->identity = call->option[IDENTITY];
    c->private_key = call->option[KEY];
    if (!client && c->allow == NULL)
        return command_misused(call->command, "a server needs --allow");
    if (client && c->identity == NULL)
        return command_misused(call->command, "a client needs --identity and --key");
    if ((c->identity == NULL) != (c->private_key == NULL))
        return command_misused(call->command, "--identity and --key belong together");
    if (c->allow == NULL && call->option[POLICY] != NULL)
        return command_misused(call->command, "--policy is a server's, which needs --allow");
    return COMMAND_GOOD;
}

/* Which file is to be included, as an absolute path. */
static enum command_status find_theirs(const struct command_call *call, struct plan *plan)
{
    const char *given = call->option[CONFIG];
    char *usual = NULL;
    int n;

    if (given == NULL) {
        /* Not what this shell happens to have. */
        (void)unsetenv("OPENSSL_CONF");
        given = usual = CONF_get1_default_config_file();
    }
    if (given == NULL)
        return command_failed(call->command, "out of memory");
    if (*given == '/' || getcwd(plan->theirs_path, sizeof(plan->theirs_path)) == NULL)
        n = snprintf(plan->theirs_path, sizeof(plan->theirs_path), "%s", given);
    else
        n = snprintf(plan->theirs_path + strlen(plan->theirs_path),
                     sizeof(plan->theirs_path) - strlen(plan->theirs_path), "/%s", given);
    plan->combination.theirs = plan->theirs_path;
    if (usual != NULL && access(usual, F_OK) != 0 && errno == ENOENT)
        plan->combination.theirs = NULL;
    OPENSSL_free(usual);
    return n >= 0 && (size_t)n < sizeof(plan->theirs_path)
               ? COMMAND_GOOD
               : command_failed(call->command, "the path is too long");
}

/* Say where OpenSSL stops reading their file. */
static enum command_status refuse_unread(const struct command_call *call, const char *path,
                                         struct conf_file_fault *fault)
{
    struct conf_lines *lines = conf_lines_read(path);
    char where[CONF_WHERE_MAX];

    /* The line may be in it: nothing of that is for the terminal to obey. */
    for (char *c = fault->why; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~')
            *c = '?';
    }
    (void)command_failed(call->command,
                         "%s: OpenSSL cannot read it, and would ignore dance with it: %s\n"
                         "what to do: %s, or give another file with --config",
                         lines != NULL ? conf_lines_counted(where, lines, fault->line) : path,
                         fault->why, fault->no_variable ? "set the variable" : "correct the line");
    conf_lines_free(lines);
    return COMMAND_FAULT;
}

/* OpenSSL takes a byte order mark at the beginning of a file that it opens, not of one included. */
static bool has_mark(const char *path)
{
    struct conf_lines *lines = conf_lines_read(path);
    const struct conf_line *line = lines != NULL ? conf_lines_first(lines) : NULL;

    while (line != NULL && line->kind != CONF_LINE_BOM)
        line = line->next;
    conf_lines_free(lines);
    return line != NULL;
}

/* Refuse a file with which OpenSSL could do nothing, and one that has dance already. */
static enum command_status read_theirs(const struct command_call *call, struct plan *plan)
{
    const char *path = plan->combination.theirs;
    struct conf_file_fault fault;
    char why[1024];

    if (path == NULL)
        return COMMAND_GOOD;
    if (!conf_file_load(&plan->theirs, path, &fault))
        return refuse_unread(call, path, &fault);
    if (has_mark(path))
        return command_failed(
            call->command,
            "%s:1: it begins with a byte order mark (EF BB BF), with which OpenSSL "
            "cannot read a file that is included\n"
            "what to do: remove the mark, or give another file with --config",
            path);
    conf_file_close(&plan->theirs);
    if (conf_file_open(&plan->theirs, path, why, sizeof(why)))
        return command_failed(
            call->command,
            "%s has dance already, in [%s]: change that, or give another file with "
            "--config",
            path, plan->theirs.module);
    return COMMAND_GOOD;
}

/* A file in memory with this text, by its path; *fd is to be closed. */
static bool write_memory(const char *text, int *fd, char path[64], char *why, size_t why_size)
{
    size_t len = strlen(text);

    *fd = memfd_create("openssl.cnf", MFD_CLOEXEC);
    (void)snprintf(path, 64, "/proc/self/fd/%d", *fd);
    if (*fd >= 0 && write(*fd, text, len) == (ssize_t)len)
        return true;
    (void)snprintf(why, why_size, "%s", strerror(errno));
    return false;
}

/* What their init section says for all SSL_CTXs; NULL: nothing. */
static const char *find_ssl_conf(const struct plan *plan)
{
    const char *init = plan->theirs.conf != NULL
                           ? conf_file_value(&plan->theirs, "default", "openssl_conf")
                           : NULL;

    return init != NULL ? conf_file_value(&plan->theirs, init, "ssl_conf") : NULL;
}

/* The text of this form, if dance is in force with it. */
static char *try_form(struct plan *plan, bool first, bool diagnostics, char why[TRIAL_TEXT_MAX])
{
    char *text;
    char path[64];
    int fd = -1;

    plan->combination.first = first;
    plan->combination.diagnostics = diagnostics;
    text = conf_combine(&plan->combination, &plan->theirs, why, TRIAL_TEXT_MAX);
    if (text == NULL)
        return NULL;
    /* With diagnostics what was passed over before may keep the application from starting. */
    if (!write_memory(text, &fd, path, why, TRIAL_TEXT_MAX) || !loaded_in_force(path, why)
        || (diagnostics && !loaded_makes_contexts(path, find_ssl_conf(plan), why))) {
        OPENSSL_free(text);
        text = NULL;
    } else {
        plan->clean = loaded_cleanly(path, why);
    }
    if (fd >= 0)
        (void)close(fd);
    return text;
}

static enum command_status combine(const struct command_call *call, struct plan *plan)
{
    char why[TRIAL_TEXT_MAX];
    char *better;

    plan->text = try_form(plan, false, false, why);
    if (plan->text == NULL)
        plan->text = try_form(plan, true, false, why);
    if (plan->text == NULL)
        return command_failed(call->command, "dance would not be in force: %s", why);
    if (!plan->clean) {
        (void)fprintf(stderr,
                      "dance enable: what %s says is not all in force, with or without dance: %s\n"
                      "what to do: correct or remove what fails\n",
                      plan->theirs_path, why);
        return COMMAND_GOOD;
    }
    better = try_form(plan, plan->combination.first, true, why);
    if (better != NULL) {
        OPENSSL_free(plan->text);
        plan->text = better;
    }
    return COMMAND_GOOD;
}

static void print_hint(const struct plan *plan)
{
    const char *hint = unit_hint(&plan->unit);

    if (hint == NULL)
        return;
    for (; *hint != '\0'; hint++) {
        if (hint[0] == '%' && hint[1] == 's') {
            (void)fputs(plan->unit.conf, stdout);
            hint++;
        } else {
            (void)fputc(*hint, stdout);
        }
    }
    (void)fputc('\n', stdout);
}

static bool write_one(const char *path, const char *text)
{
    char folder[PATH_MAX];
    char why[512];
    const char *slash = strrchr(path, '/');

    (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
    if (!unit_make_folder(folder, why, sizeof(why))
        || !new_file_write(path, 0644, text, strlen(text), why, sizeof(why))) {
        (void)fprintf(stderr, "dance enable: %s\n", why);
        return false;
    }
    (void)printf("wrote %s\n", path);
    return true;
}

static enum command_status write_files(const struct command_call *call, struct plan *plan)
{
    const struct unit *unit = &plan->unit;

    if (call->option[DRY_RUN] != NULL) {
        (void)printf("%s would be:\n\n%s\n%s would be:\n\n%s", unit->conf_file, plan->text,
                     unit->drop_in, plan->drop_in);
        print_hint(plan);
        return COMMAND_GOOD;
    }
    if (!write_one(unit->conf_file, plan->text))
        return COMMAND_FAULT;
    if (!write_one(unit->drop_in, plan->drop_in)) {
        (void)unlink(unit->conf_file);
        return COMMAND_FAULT;
    }
    print_hint(plan);
    (void)printf("now: systemctl daemon-reload; systemctl restart %s\n", unit->name);
    return COMMAND_GOOD;
}

static enum command_status run(const struct command_call *call)
{
    struct plan plan = {.text = NULL};
    const char *fault = unit_read(&plan.unit, call->operand[1], call->option[ROOT]);
    enum command_status status;

    if (fault != NULL)
        return command_misused(call->command, "'%s': %s", call->operand[1], fault);
    /* What a file loads is for processes of its own. */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    (void)snprintf(plan.comment, sizeof(plan.comment),
                   UNIT_MARK " for %s; dance disable %s removes it.", plan.unit.name,
                   plan.unit.name);
    plan.combination.comment = plan.comment;
    (void)snprintf(plan.drop_in, sizeof(plan.drop_in),
                   "# %s\n"
                   "# OpenSSL goes on without a word when a module is missing; with the check the "
                   "service does not start then.\n"
                   "[Service]\nEnvironment=OPENSSL_CONF=%s\n"
                   "ExecStartPre=" DANCE_TOOL_INSTALLED " check --offline --config %s\n",
                   plan.comment, plan.unit.conf, plan.unit.conf);
    status = read_roles(call, &plan.combination);
    if (status == COMMAND_GOOD)
        status = find_theirs(call, &plan);
    if (status == COMMAND_GOOD)
        status = read_theirs(call, &plan);
    if (status == COMMAND_GOOD)
        status = combine(call, &plan);
    if (status == COMMAND_GOOD)
        status = write_files(call, &plan);
    OPENSSL_free(plan.text);
    conf_file_close(&plan.theirs);
    return status;
}

const struct command command_enable = {
    .name = "enable",
    .usage = "server|client UNIT",
    .meaning = "Give a systemd service an openssl.cnf in which dance is in force",
    .operands_min = 2,
    .operands_max = 2,
    .options = options,
    .run = run,
};
