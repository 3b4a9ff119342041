/*
 * options.h: the command line of dance-resolver (doc/dance-resolver.8).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_OPTIONS_H
#define DANCE_OPTIONS_H

#include "log.h"

#include <stdbool.h>

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

/*
 * Read argv. 1: go on; 0: --help or --version was answered; -1: faulty, and
 * said so on stderr. Strings point into argv.
 */
int options_read(struct options *options, int argc, char *argv[]);

#endif
