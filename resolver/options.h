/*
 * options.h: the command line of dance-resolver (doc/dance-resolver.8).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_OPTIONS_H
#define DANCE_OPTIONS_H

#include "log.h"

#include <stdbool.h>
#include <stddef.h>

struct options {
    int channel;        /* --channel: our end of a control channel, or -1 */
    bool listen_fds;    /* --listen-fds, or no other way given: systemd's descriptor 3 listens */
    const char *socket; /* --socket: listen here, or NULL */
    const char *flush;  /* --flush: a name that is to be forgotten, and nothing else; or NULL */
    const char *trust_anchor;
    const char *forward;        /* NULL: iterate from the root */
    const char *unbound_config; /* NULL: none */
    const char *user;           /* who to become when started as root; NULL: see user.h */
    enum dance_log_target log_target;
    const char *log_file;
    enum dance_log_level log_level;
    unsigned max_lookups;    /* in flight in all */
    unsigned max_per_client; /* queries waiting, of one process */
    unsigned max_workers;
    unsigned denial_ttl; /* seconds for which a denial is believed at the most */
    unsigned idle;       /* seconds after which a worker that is asked nothing ends */
};

enum options_kind {
    OPTIONS_FLAG,
    OPTIONS_TEXT,
    OPTIONS_NUMBER,
    OPTIONS_DESCRIPTOR,
    OPTIONS_LOG,
    OPTIONS_LOG_LEVEL,
    OPTIONS_HELP,
    OPTIONS_VERSION
};

/* One option, for those who list them too (the documentation's tables). */
struct options_entry {
    const char *name;
    const char *value; /* in the usage; NULL: it takes none */
    size_t field;      /* in struct options */
    enum options_kind kind;
    unsigned low; /* of numbers */
    unsigned high;
    unsigned usual;         /* the default of OPTIONS_NUMBER */
    const char *usual_text; /* of OPTIONS_TEXT; NULL: none */
};

/* The i-th option; NULL: there are no more. */
const struct options_entry *options_at(size_t i);

/*
 * Read argv. 1: go on; 0: --help or --version was answered; -1: faulty, and
 * said so on stderr. Strings point into argv.
 */
int options_read(struct options *options, int argc, char *argv[]);

#endif
