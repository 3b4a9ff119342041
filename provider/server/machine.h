/*
 * machine.h: what a server's connection has come to, and what may follow.
 *
 * One function moves the state: (state, event) -> (state, action), a table
 * without side effects, so that who is let in can be read on one page and a test
 * can walk all of it (test/unit/server/test_machine.c). What is not in the table
 * is REFUSED with an internal error. Nothing but dance_connection_step() writes a
 * connection's state.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_MACHINE_H
#define DANCE_SERVER_MACHINE_H

#include "policy.h"

#include <stdbool.h>

/* Where the authentication that goes on, or was the last, has come to. */
enum dance_stage {
    DANCE_IDLE,        /* nothing has been seen yet */
    DANCE_BEGUN,       /* a handshake has begun */
    DANCE_ASKED,       /* its CertificateRequest is sent */
    DANCE_ASKED_AGAIN, /* one after the handshake, or in a renegotiation */
    DANCE_CLAIMED,     /* the client says an acceptable name */
    DANCE_RECORDS,     /* there are usable records of that name */
    DANCE_DENIED,      /* it is not allowed, or has none */
    DANCE_MATCHED,     /* what it presented matches them */
    DANCE_FORGIVEN,    /* it does not, and the application goes on with nobody */
    DANCE_LEFT,        /* it said no name, and is the application's own affair */
    DANCE_PROVED,      /* what matched is what the client signs with; libssl checks that next */
    DANCE_ACCEPTED,    /* and it has: the client is whom it said */
    DANCE_PASSED,      /* the handshake is over, with nobody whom DANE knows */
    DANCE_RESUMED,     /* it stands on a session that counts */
    DANCE_REFUSED      /* nothing leads from here but a new handshake */
};
#define DANCE_STAGES (DANCE_REFUSED + 1)

enum dance_event {
    DANCE_BEGIN,      /* a handshake begins: maybe another client's */
    DANCE_HELLO,      /* a ClientHello, the second one too (HelloRetryRequest) */
    DANCE_SESSION,    /* it resumes a session of a client whom DANE authenticated */
    DANCE_FREE,       /* it resumes one of which the application may decide */
    DANCE_STRANGE,    /* it resumes one that does not count */
    DANCE_REQUEST,    /* a CertificateRequest is made */
    DANCE_NAME,       /* the client says its name, the first or the same as before */
    DANCE_OTHER_NAME, /* it says another name than before */
    DANCE_BROKEN,     /* it says it in a way that ends the handshake */
    DANCE_FOUND,      /* records of that name were given to its holder */
    DANCE_NOT_FOUND,  /* no record of that name may authenticate it */
    DANCE_MATCH,      /* verified by its records */
    DANCE_MISMATCH,   /* not verified */
    DANCE_FORGIVE,    /* not verified, and the application's own callback goes on */
    DANCE_LEAVE,      /* no name was said, and the application decides */
    DANCE_PROOF,      /* CertificateVerify is about to be checked */
    DANCE_END,        /* the client's Finished is behind us */
    DANCE_FAILED,     /* something of ours failed: memory, a callback, libssl */
};
#define DANCE_EVENTS (DANCE_FAILED + 1)

/* What the caller has to do. */
enum dance_action {
    DANCE_NOTHING,
    DANCE_FORGET_CLIENT, /* the client, and all that is known of it */
    DANCE_FORGET_PROOF,  /* what the last authentication brought, but not whose it was */
    DANCE_ACCEPT,        /* say so, and mark the session */
    DANCE_PASS,          /* mark the session as one of nobody's */
    DANCE_REFUSE         /* end the handshake; without a reason: an internal error */
};

struct dance_state {
    enum dance_stage stage;
    bool tied; /* the connection has an identity, which may not change */
};

struct dance_step {
    struct dance_state state;
    enum dance_action action;
};

/* Pure. */
struct dance_step dance_machine_step(struct dance_state state, enum dance_event event,
                                     enum dance_level level);

/* What is presented has not been judged yet; a handshake has come to its end. Pure. */
bool dance_stage_is_open(enum dance_stage stage);
bool dance_stage_is_over(enum dance_stage stage);

#endif
