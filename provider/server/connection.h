/*
 * connection.h: what dance knows about one SSL.
 *
 * It hangs on the SSL as ex_data, under an index of 64 or more: applications
 * exist that use low numbers without asking for them (FreeRADIUS).
 *
 * One SSL may see several authentications: after the handshake (RFC 8446,
 * section 4.6.2), or of another client when the application makes it ready again
 * with SSL_clear(). Each begins with nothing of the last, but for the name,
 * which may not change while a connection lasts.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SERVER_CONNECTION_H
#define DANCE_SERVER_CONNECTION_H

#include "owner_name.h"
#include "reasons.h"

#include <openssl/ssl.h>
#include <stdbool.h>

struct dance_connection {
    /* server: the connection */
    bool named;                    /* dane_clientid was there and held an acceptable name */
    char name[DANCE_NAME_MAX + 1]; /* in lower case; valid if named */
    bool from_certificate;         /* by san_fallback, and not by the extension */
    size_t reference; /* where in name its dNSName begins: after san_fallback's label */
    bool asked;       /* a CertificateRequest went out */
    bool resumed;     /* it resumes a session, which has been looked at */
    bool over;        /* that session had come to its end before */
    long long until;  /* when the sessions of it end, in seconds since 1970; 0: free */

    /* server: the authentication that goes on, or was the last */
    bool pending;             /* its Certificate is still to be verified */
    bool later;               /* it is one after the handshake */
    bool claimed;             /* its Certificate says the name, by extension or san_fallback */
    bool records;             /* TLSA records of that name were given to libssl */
    unsigned long ttl;        /* seconds that they could be believed then; valid if records */
    enum dance_reason reason; /* why the client is refused; DANCE_R_NONE: not yet known */
    char detail[512];         /* the particulars of reason; may be empty */
    bool accepted;            /* the verification said yes */
    char record[16];          /* the TLSA record that matched, as "3 1 1"; valid if accepted */
    bool settled;             /* the acceptance was logged and stands in the session */
    bool reported;            /* the refusal was logged and raised */

    /* server: the SSL, as long as it lives */
    bool armed; /* DANE is enabled on it, with a record nothing matches */
    bool given; /* it holds records of a client; libssl never gives them back */
    bool stale; /* they are of an earlier authentication: see dance_tlsa_holder() */
    SSL *spare; /* holds the records in place of a stale SSL, or NULL */
    const SSL_CTX *verified_for; /* the SSL_CTX that last let us verify; compared, never used */
    bool unwatched; /* the application took every callback that sees a handshake begin */
    void (*application_info)(const SSL *, int, int); /* the info callback that it set, or NULL */

    /* client */
    X509 *lent; /* the certificate that we put on this SSL, or NULL */

    SSL_verify_cb displaced; /* the application's verify callback, which may not see a raw key */

    /* server, while X509_verify_cert() runs */
    SSL_verify_cb application_cb; /* the application's verify callback, or NULL */
    int verify_error;             /* the first X509_V_ERR_... that was met */
    bool strict;                  /* the application's callback may not overrule us */
};

/*
 * Take the ex_data index; once per process. made runs for every SSL that is
 * made, from inside SSL_new(), when the SSL is not complete yet.
 */
int dance_connection_init(void (*made)(SSL *ssl));

/* What is known about ssl; NULL when nothing is. */
struct dance_connection *dance_connection_find(const SSL *ssl);

/* The same, made when there is none; NULL when out of memory. */
struct dance_connection *dance_connection_get(SSL *ssl);

/*
 * A new handshake begins on ssl: nothing of an earlier one counts. Nothing
 * happens unless it is the first of its connection (RFC 5246 has others).
 */
void dance_connection_restart(SSL *ssl, struct dance_connection *connection);

/* A CertificateRequest is sent: a new authentication begins, after the handshake or in it. */
void dance_connection_ask(SSL *ssl, struct dance_connection *connection);

/* Remember why the client is refused: the first reason stays. */
void dance_connection_fail(struct dance_connection *connection, enum dance_reason reason,
                           const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Put the reason on the error queue and, once, into the log. what: "refused", ... */
void dance_connection_report(struct dance_connection *connection, const char *what, bool raise);

#endif
