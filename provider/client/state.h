/*
 * state.h: whose credential a client's SSL presents.
 *
 * One function moves the state: (state, event) -> (state, action), a table without side effects.
 * It is decided anew for each CertificateRequest, and confirmed when the Certificate is built,
 * which is when nobody can choose any more. test/unit/client/test_state.c walks all of it. Nothing
 * but step() in extension.c writes an SSL's state.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLIENT_STATE_H
#define DANCE_CLIENT_STATE_H

enum dance_client_stage {
    DANCE_CLIENT_STRANGE,      /* nobody's: the server may not learn the identity */
    DANCE_CLIENT_KNOWN,        /* nobody's: it may, and has not asked for it */
    DANCE_CLIENT_APPLICATIONS, /* it has asked; the answer is the application's, if it has one */
    DANCE_CLIENT_LENT,         /* it has none: ours is on the SSL, for this request */
    DANCE_CLIENT_CONFIRMED     /* and is what goes out */
};
#define DANCE_CLIENT_STAGES (DANCE_CLIENT_CONFIRMED + 1)

enum dance_client_event {
    DANCE_CLIENT_BEGIN, /* a handshake begins, with a server that may not learn the identity */
    DANCE_CLIENT_BEGIN_KNOWN, /* or with one that may */
    DANCE_CLIENT_NEXT,        /* a message after the handshake is about to be read or sent */
    DANCE_CLIENT_REQUEST,     /* a CertificateRequest with the empty ClientName */
    DANCE_CLIENT_NOTHING,     /* the application has nothing to present */
    DANCE_CLIENT_PUT,         /* it puts a certificate of its own on the SSL */
    DANCE_CLIENT_OURS,        /* the Certificate is built: with what we lent, */
    DANCE_CLIENT_SAME,        /* with the application's, of the same key, */
    DANCE_CLIENT_OTHERS,      /* or with another */
    DANCE_CLIENT_END,         /* the handshake, or the authentication after it, is over */
    DANCE_CLIENT_FAILED       /* libssl does not take what we lend */
};
#define DANCE_CLIENT_EVENTS (DANCE_CLIENT_FAILED + 1)

/* What the caller has to do. */
enum dance_client_action {
    DANCE_CLIENT_NO_ACTION,
    DANCE_CLIENT_LEND,      /* put ours on the SSL */
    DANCE_CLIENT_TAKE_BACK, /* take it out again, if it is there */
    DANCE_CLIENT_NAME       /* say the name */
};

struct dance_client_step {
    enum dance_client_stage stage;
    enum dance_client_action action;
};

/* Pure. */
struct dance_client_step dance_client_step(enum dance_client_stage stage,
                                           enum dance_client_event event);

#endif
