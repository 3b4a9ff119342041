/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "flush.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every option: where its value goes, and what it may be. */
static const struct options_entry table[] = {
    {"channel", "FD", offsetof(struct options, channel), OPTIONS_DESCRIPTOR, 0, 1u << 20, 0, NULL},
    {"socket", "PATH", offsetof(struct options, socket), OPTIONS_TEXT, 0, 0, 0, NULL},
    {"listen-fds", NULL, offsetof(struct options, listen_fds), OPTIONS_FLAG, 0, 0, 0, NULL},
    {"flush", "NAME", offsetof(struct options, flush), OPTIONS_TEXT, 0, 0, 0, NULL},
    {"trust-anchor", "FILE", offsetof(struct options, trust_anchor), OPTIONS_TEXT, 0, 0, 0,
     "/usr/share/dns/root.key"},
    {"forward", "LIST", offsetof(struct options, forward), OPTIONS_TEXT, 0, 0, 0, NULL},
    {"unbound-config", "FILE", offsetof(struct options, unbound_config), OPTIONS_TEXT, 0, 0, 0,
     NULL},
    {"user", "NAME", offsetof(struct options, user), OPTIONS_TEXT, 0, 0, 0, NULL},
    {"log", "none|stderr|syslog|/FILE", 0, OPTIONS_LOG, 0, 0, 0, NULL},
    {"log-level", "error|info|debug", 0, OPTIONS_LOG_LEVEL, 0, 0, 0, NULL},
    {"denial-ttl", "SECONDS", offsetof(struct options, denial_ttl), OPTIONS_NUMBER, 0, 86400, 30,
     NULL},
    {"max-lookups", "N", offsetof(struct options, max_lookups), OPTIONS_NUMBER, 1, 100000, 4096,
     NULL},
    {"max-per-client", "N", offsetof(struct options, max_per_client), OPTIONS_NUMBER, 1, 100000,
     1024, NULL},
    {"max-workers", "N", offsetof(struct options, max_workers), OPTIONS_NUMBER, 1, 1024, 64, NULL},
    {"idle", "SECONDS", offsetof(struct options, idle), OPTIONS_NUMBER, 1, 86400, 900, NULL},
    {"help", NULL, 0, OPTIONS_HELP, 0, 0, 0, NULL},
    {"version", NULL, 0, OPTIONS_VERSION, 0, 0, 0, NULL},
};
#define COUNT (sizeof(table) / sizeof(table[0]))

static void print_usage(FILE *out)
{
    int column = fprintf(out, "usage: dance-resolver");

    for (size_t i = 0; i < COUNT; i++) {
        char text[64];
        int len = snprintf(text, sizeof(text), " [--%s%s%s]", table[i].name,
                           table[i].value != NULL ? " " : "",
                           table[i].value != NULL ? table[i].value : "");

        if (column + len > 79)
            column = fprintf(out, "\n        ") - 1;
        column += fprintf(out, "%s", text);
    }
    (void)fputs("\nValidated TLSA lookups for the dance OpenSSL provider; see dance-resolver(8).\n",
                out);
}

const struct options_entry *options_at(size_t i)
{
    return i < COUNT ? &table[i] : NULL;
}

static void *field(struct options *o, const struct options_entry *e)
{
    return (char *)o + e->field;
}

static int number(const struct options_entry *e, const char *text, unsigned *out)
{
    char *end = NULL;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || n < e->low || n > e->high) {
        (void)fprintf(stderr, "dance-resolver: --%s: %s is not a number from %u to %u\n", e->name,
                      text, e->low, e->high);
        return 0;
    }
    *out = (unsigned)n;
    return 1;
}

/* The place of text among words that are separated by |, or -1. */
static int word(const char *text, const char *words)
{
    size_t len = strlen(text);

    for (int i = 0;; i++) {
        size_t one = strcspn(words, "|");

        if (one == len && memcmp(text, words, len) == 0)
            return i;
        if (words[one] == '\0')
            return -1;
        words += one + 1;
    }
}

static int not_a_word(const struct options_entry *e, const char *text)
{
    (void)fprintf(stderr, "dance-resolver: --%s: %s is not one of %s\n", e->name, text, e->value);
    return 0;
}

static int read_log(struct options *o, const struct options_entry *e, const char *text)
{
    int i = *text == '/' ? (int)DANCE_LOG_FILE : word(text, "none|stderr|syslog");

    if (i < 0)
        return not_a_word(e, text);
    o->log_target = (enum dance_log_target)i;
    o->log_file = text;
    return 1;
}

static int read_one(struct options *o, const struct options_entry *e, const char *value)
{
    unsigned n = 0;
    int i;

    switch (e->kind) {
    case OPTIONS_FLAG:
        *(bool *)field(o, e) = true;
        return 1;
    case OPTIONS_TEXT:
        *(const char **)field(o, e) = value;
        return 1;
    case OPTIONS_NUMBER:
        return number(e, value, field(o, e));
    case OPTIONS_DESCRIPTOR:
        if (!number(e, value, &n))
            return 0;
        *(int *)field(o, e) = (int)n;
        return 1;
    case OPTIONS_LOG:
        return read_log(o, e, value);
    default: /* OPTIONS_LOG_LEVEL */
        i = word(value, e->value);
        if (i < 0)
            return not_a_word(e, value);
        o->log_level = (enum dance_log_level)i;
        return 1;
    }
}

static void set_usual(struct options *o)
{
    *o = (struct options){
        .channel = -1, .log_target = DANCE_LOG_SYSLOG, .log_level = DANCE_LOG_INFO};
    for (size_t i = 0; i < COUNT; i++) {
        if (table[i].kind == OPTIONS_NUMBER)
            *(unsigned *)field(o, &table[i]) = table[i].usual;
        if (table[i].kind == OPTIONS_TEXT)
            *(const char **)field(o, &table[i]) = table[i].usual_text;
    }
}

/* How it is served: in one way, and in none where it is not. */
static int check_ways(struct options *o)
{
    /* systemd says in the environment that it handed a socket over. */
    if (o->channel < 0 && o->socket == NULL && o->flush == NULL && getenv("LISTEN_FDS") != NULL)
        o->listen_fds = true;
    if (o->flush != NULL) {
        if (o->socket == NULL)
            o->socket = DANCE_SOCKET_DEFAULT;
        return o->channel < 0 && !o->listen_fds;
    }
    return (o->channel >= 0) + o->listen_fds + (o->socket != NULL) == 1;
}

int options_read(struct options *o, int argc, char *argv[])
{
    struct option known[COUNT + 1] = {{NULL, 0, NULL, 0}};
    int which = 0;
    int got;

    for (size_t i = 0; i < COUNT; i++)
        known[i] = (struct option){
            table[i].name, table[i].value != NULL ? required_argument : no_argument, NULL, 0};
    set_usual(o);
    while ((got = getopt_long(argc, argv, "", known, &which)) != -1) {
        const struct options_entry *e = &table[which];

        if (got == 0 && e->kind == OPTIONS_HELP) {
            print_usage(stdout);
            return 0;
        }
        if (got == 0 && e->kind == OPTIONS_VERSION) {
            (void)puts("dance-resolver " DANCE_VERSION);
            return 0;
        }
        if (got != 0) /* and said so */
            print_usage(stderr);
        if (got != 0 || !read_one(o, e, optarg))
            return -1;
    }
    if (check_ways(o) && optind == argc)
        return 1;
    (void)fputs("dance-resolver: one of --channel, --socket, --listen-fds and --flush is needed, "
                "and nothing behind the options\n",
                stderr);
    print_usage(stderr);
    return -1;
}
