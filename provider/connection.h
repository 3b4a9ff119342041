/*
 * connection.h: what dance knows about one SSL.
 *
 * It hangs on the SSL as ex_data, under an index of 64 or more: applications
 * exist that use low numbers without asking for them (FreeRADIUS).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CONNECTION_H
#define DANCE_CONNECTION_H

#include "owner_name.h"
#include "reasons.h"

#include <openssl/ssl.h>
#include <stdbool.h>

struct dance_connection {
    /* server: what became of the client's dane_clientid */
    bool named;                    /* it was there and held an acceptable name */
    char name[DANCE_NAME_MAX + 1]; /* in lower case; valid if named */
    bool from_certificate;         /* by san_fallback, and not by the extension */
    size_t reference;         /* where in name its dNSName begins: after san_fallback's label */
    bool records;             /* TLSA records of that name were given to libssl */
    unsigned long ttl;        /* seconds that they may be believed; valid if records */
    enum dance_reason reason; /* why the client is refused; DANCE_R_NONE: not yet known */
    char detail[512];         /* the particulars of reason; may be empty */
    bool armed;               /* DANE is enabled on this SSL, with a record nothing matches */
    long long session_end;    /* seconds since 1970; 0: libssl's affair */
    bool resumed;             /* a resumed session was given what is left of its lifetime */
    bool accepted;            /* the verification said yes */
    bool reported;            /* the refusal was logged and raised */
    long long handshake_ms;   /* when the extension came, for the log */

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

/* Remember why the client is refused: the first reason stays. */
void dance_connection_fail(struct dance_connection *connection, enum dance_reason reason,
                           const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Put the reason on the error queue and, once, into the log. what: "refused", ... */
void dance_connection_report(struct dance_connection *connection, const char *what, bool raise);

#endif
