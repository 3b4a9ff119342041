/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHANNEL = 256,
    LISTEN_FDS,
    SOCKET,
    TRUST_ANCHOR,
    FORWARD,
    UNBOUND_CONFIG,
    USER,
    LOG,
    LOG_LEVEL,
    MAX_LOOKUPS,
    MAX_PER_CLIENT,
    IDLE,
    HELP,
    VERSION
};

static const struct option known[] = {
    {"channel", required_argument, NULL, CHANNEL},
    {"listen-fds", no_argument, NULL, LISTEN_FDS},
    {"socket", required_argument, NULL, SOCKET},
    {"trust-anchor", required_argument, NULL, TRUST_ANCHOR},
    {"forward", required_argument, NULL, FORWARD},
    {"unbound-config", required_argument, NULL, UNBOUND_CONFIG},
    {"user", required_argument, NULL, USER},
    {"log", required_argument, NULL, LOG},
    {"log-level", required_argument, NULL, LOG_LEVEL},
    {"max-lookups", required_argument, NULL, MAX_LOOKUPS},
    {"max-per-client", required_argument, NULL, MAX_PER_CLIENT},
    {"idle", required_argument, NULL, IDLE},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "usage: dance-resolver --channel FD | --socket PATH | --listen-fds\n"
    "         [--trust-anchor FILE] [--forward LIST] [--unbound-config FILE]\n"
    "         [--user NAME] [--log none|stderr|syslog|/FILE] [--log-level error|info|debug]\n"
    "         [--max-lookups N] [--max-per-client N] [--idle N] [--help] [--version]\n"
    "Validated TLSA lookups for the dance OpenSSL provider; see dance-resolver(8).\n";

static int number(const char *text, unsigned low, unsigned high, unsigned *out)
{
    char *end = NULL;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || n < low || n > high)
        return 0;
    *out = (unsigned)n;
    return 1;
}

static int word(const char *text, const char *const words[], int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0)
            return i;
    }
    return -1;
}

static int read_log(struct options *o, const char *text)
{
    static const char *const words[] = {"none", "stderr", "syslog"};
    int i = word(text, words, 3);

    if (i < 0 && *text != '/')
        return 0;
    o->log_target = i < 0 ? DANCE_LOG_FILE : (enum dance_log_target)i;
    o->log_file = text;
    return 1;
}

static int read_log_level(struct options *o, const char *text)
{
    static const char *const words[] = {"error", "info", "debug"};
    int i = word(text, words, 3);

    o->log_level = i < 0 ? DANCE_LOG_INFO : (enum dance_log_level)i;
    return i >= 0;
}

static int read_one(struct options *o, int option, const char *value)
{
    unsigned n = 0;
    int ok = 1;

    switch (option) {
    case CHANNEL:
        ok = number(value, 0, 1u << 20, &n);
        o->channel = (int)n;
        break;
    case LISTEN_FDS:
        o->listen_fds = true;
        break;
    case SOCKET:
        o->socket = value;
        break;
    case TRUST_ANCHOR:
        o->trust_anchor = value;
        break;
    case FORWARD:
        o->forward = value;
        break;
    case UNBOUND_CONFIG:
        o->unbound_config = value;
        break;
    case USER:
        o->user = value;
        break;
    case LOG:
        ok = read_log(o, value);
        break;
    case LOG_LEVEL:
        ok = read_log_level(o, value);
        break;
    case MAX_LOOKUPS:
        ok = number(value, 1, 100000, &o->max_lookups);
        break;
    case MAX_PER_CLIENT:
        ok = number(value, 1, 100000, &o->max_per_client);
        break;
    case IDLE:
        ok = number(value, 1, 86400, &o->idle);
        break;
    default:
        ok = 0;
        break;
    }
    return ok;
}

int options_read(struct options *o, int argc, char *argv[])
{
    int option;
    int ways;

    *o = (struct options){.channel = -1,
                          .trust_anchor = "/usr/share/dns/root.key",
                          .log_target = DANCE_LOG_SYSLOG,
                          .log_level = DANCE_LOG_INFO,
                          .max_lookups = 4096,
                          .max_per_client = 1024,
                          .max_workers = 64,
                          .denial_ttl = 30,
                          .idle = 900};
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == HELP || option == VERSION) {
            (void)fputs(option == HELP ? usage : "dance-resolver " DANCE_VERSION "\n", stdout);
            return 0;
        }
        if (option == '?' || !read_one(o, option, optarg)) {
            if (option != '?')
                (void)fprintf(stderr, "dance-resolver: bad value: %s\n", optarg);
            (void)fputs(usage, stderr);
            return -1;
        }
    }
    /* systemd says in the environment that it handed a socket over. */
    if (o->channel < 0 && o->socket == NULL && getenv("LISTEN_FDS") != NULL)
        o->listen_fds = true;
    ways = (o->channel >= 0) + o->listen_fds + (o->socket != NULL);
    if (ways != 1 || optind != argc) {
        (void)fputs(usage, stderr);
        return -1;
    }
    return 1;
}
