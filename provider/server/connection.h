/*
 * connection.h: what dance knows about one SSL.
 *
 * It hangs on the SSL as ex_data, under an index of 32 or more: applications
 * exist that use low numbers without asking for them (FreeRADIUS).
 *
 * One SSL may see several authentications: after the handshake (RFC 8446,
 * section 4.6.2), or of another client when the application makes it ready again
 * with SSL_clear(). What that means is said in machine.h; here is what goes with it.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_CONNECTION_H
#define DANCE_SERVER_CONNECTION_H

#include "client/loan.h"
#include "client/state.h"
#include "owner_name.h"
#include "reasons.h"
#include "server/machine.h"

#include <openssl/ssl.h>
#include <stdbool.h>

/* libssl's types of the callbacks before which ours stand. */
typedef int dance_security_callback(const SSL *ssl, const SSL_CTX *ctx, int op, int bits, int nid,
                                    void *other, void *ex);
typedef void dance_info_callback(const SSL *ssl, int where, int ret);

struct dance_connection {
    struct dance_state state; /* written by dance_connection_step() alone */

    /* server: the client */
    char name[DANCE_NAME_MAX + 1]; /* in lower case; whose it is, if state.tied */
    size_t reference; /* where in name its dNSName begins: after san_fallback's label */
    long long until;  /* when the sessions of it end, in seconds since 1970; 0: free */

    /* server: the authentication that goes on, or was the last */
    SSL *holder;              /* has its records, and no others; NULL: none are given */
    unsigned long ttl;        /* seconds that they could be believed then */
    enum dance_reason reason; /* why the client is refused; DANCE_R_NONE: not yet known */
    char detail[512];         /* the particulars of reason; may be empty */
    char record[16];          /* the TLSA record that matched, as "3 1 1" */
    unsigned char *chain;     /* what the client brought beside its name, or NULL */
    size_t chain_len;         /* octets of it */
    const char *chain_fault;  /* why what it brought is none; NULL: it is one, or it brought none */
    bool reported;            /* the refusal was logged */
    int verify_error;         /* the first X509_V_ERR_... that was met */
    int application_error;    /* the application refused what DANE accepts, with this one */

    /* server: the session of the handshake that goes on; see session.h */
    unsigned char session_id_context[SSL_MAX_SID_CTX_LENGTH];
    unsigned session_id_context_len;
    bool aside; /* the above is kept while the session is nobody's */

    /* server: the SSL, as long as it lives */
    bool stale; /* it holds records and the name of some authentication, as libssl keeps them */
    /* The application's callbacks where ours stand before them, or NULL. */
    SSL_verify_cb verify_callback;
    dance_info_callback *info_callback;
    dance_security_callback *security_callback;
    const SSL_CTX *security_context; /* whose security_callback is; compared, never used */

    /* client */
    enum dance_client_stage client; /* written by client/extension.c: step() alone */
    struct dance_loan loan;
    bool raw_key_offered; /* by us */
    bool chain_taken;     /* whoever asks for the Certificate takes a chain in it */
    bool queue_was_empty; /* as libssl was given our credential: what is on it then is of that */
};

/*
 * Take the ex_data index in the library context that is this thread's default;
 * once for each. made runs for every SSL that is made, from inside SSL_new(),
 * when the SSL is not complete yet; freed for every one that is freed, when its
 * SSL_CTX is still there. 1; 0: libcrypto has no memory, try again; -1:
 * never there, because somebody has the number that is ours elsewhere.
 */
int dance_connection_init(void (*made)(SSL *ssl), void (*freed)(SSL *ssl));

/* What is known about ssl; NULL when nothing is. */
struct dance_connection *dance_connection_find(const SSL *ssl);

/* The same, made when there is none; NULL when out of memory, which must refuse. */
struct dance_connection *dance_connection_get(SSL *ssl);

/*
 * The one place where a state changes. What is to be forgotten is forgotten in it;
 * the rest of the action is the caller's.
 */
enum dance_action dance_connection_step(SSL *ssl, struct dance_connection *connection,
                                        enum dance_event event);

/*
 * Keep a copy of the chain that the client brought, until the next step but the claim's own. What
 * can be none leaves its fault. false: out of memory.
 */
bool dance_connection_take_chain(struct dance_connection *connection, const unsigned char *octets,
                                 size_t len);

/* Remember why the client is refused: the first reason stays. */
void dance_connection_fail(struct dance_connection *connection, enum dance_reason reason,
                           const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
