/*
 * handshake.h: a handshake with a configuration in force, over a socketpair.
 *
 * The file is loaded as an application does that starts, in a process of its own (trial.h); a
 * second one, which was made before that and has loaded nothing, is the other side. Of the file
 * three things are told otherwise: the log goes to us, and not where it says that clients
 * are refused; nothing is looked up ahead; and without lookups its resolver is neither started nor
 * reached.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_HANDSHAKE_H
#define DANCE_CLI_HANDSHAKE_H

#include "examination.h"
#include "trial.h"

enum handshake_with {
    HANDSHAKE_BARE,    /* a client without a certificate */
    HANDSHAKE_UNNAMED, /* a client with a certificate of its own making */
    HANDSHAKE_NAMED,   /* the same, which says the name */
    HANDSHAKE_OURS,    /* the client of the same file */
    HANDSHAKE_ASKING,  /* a server that asks for the name */
    HANDSHAKE_SERVER   /* a server that does not */
};

struct handshake {
    const struct examination *x;
    enum handshake_with with;
    const char *name;        /* of the client, for HANDSHAKE_NAMED */
    const char *server_name; /* what the client asks for; NULL: nothing */
    bool lookups;
};

enum handshake_outcome {
    HANDSHAKE_NOT_TRIED =
        't',                 /* the configuration is not in force, or the process did not answer */
    HANDSHAKE_FAILED = 'f',  /* for what is no affair of the module's */
    HANDSHAKE_REFUSED = 'r', /* by the module */
    HANDSHAKE_NOT_ALLOWED = 'a',
    HANDSHAKE_LET_IN = 'l', /* its data arrived */
    /* Of a client of ours: what the server has seen. */
    HANDSHAKE_TOLD = 'n', /* the identity, and a signature of its key */
    HANDSHAKE_UNTOLD = 'u',
    HANDSHAKE_OLD = 'o' /* a TLS version that has no place for it */
};

/* Try it as user (NULL: whoever calls). text: what the module or OpenSSL says. */
enum handshake_outcome handshake_try(const struct handshake *handshake,
                                     const struct trial_user *user, char text[TRIAL_TEXT_MAX]);

#endif
