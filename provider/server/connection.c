/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/connection.h"

#include "log.h"

#include <openssl/crypto.h>
#include <openssl/x509_vfy.h>
#include <stdarg.h>
#include <stdio.h>

/*
 * FreeRADIUS sets ex_data of an SSL up to index 17 without having asked for it;
 * what it will set tomorrow must not be ours either. Not more than that needs:
 * for each SSL libcrypto sorts all indexes, and fills the places before ours.
 */
#define LOWEST_INDEX 32

static int ex_index = -1;
static void (*made_hook)(SSL *ssl);

static void on_new(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    (void)ptr;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    made_hook(parent);
}

/* SSL_dup() copies the pointer unless told otherwise, and then it would be freed twice. */
static int on_dup(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **from_d, int idx, long argl,
                  void *argp)
{
    (void)to;
    (void)from;
    (void)idx;
    (void)argl;
    (void)argp;
    *from_d = NULL;
    return 1;
}

static void on_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    struct dance_connection *c = ptr;

    (void)parent;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    if (c != NULL) {
        SSL_free(c->spare);
        X509_free(c->lent);
    }
    OPENSSL_free(c);
}

int dance_connection_init(void (*made)(SSL *ssl))
{
    made_hook = made;
    /* Numbers below are left to those who believe that they own them. */
    while ((ex_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL)) >= 0
           && ex_index < LOWEST_INDEX - 1)
        continue;
    if (ex_index >= 0)
        ex_index = SSL_get_ex_new_index(0, NULL, on_new, on_dup, on_free);
    return ex_index >= 0;
}

struct dance_connection *dance_connection_find(const SSL *ssl)
{
    return SSL_get_ex_data(ssl, ex_index);
}

struct dance_connection *dance_connection_get(SSL *ssl)
{
    struct dance_connection *c = SSL_get_ex_data(ssl, ex_index);

    if (c != NULL)
        return c;
    c = OPENSSL_zalloc(sizeof(*c));
    if (c != NULL && !SSL_set_ex_data(ssl, ex_index, c)) {
        OPENSSL_free(c);
        c = NULL;
    }
    return c;
}

/* Neither side has sent a Finished on this connection. */
static bool is_first_handshake(const SSL *ssl)
{
    unsigned char octet;

    return SSL_get_finished(ssl, &octet, sizeof(octet)) == 0
           && SSL_get_peer_finished(ssl, &octet, sizeof(octet)) == 0;
}

static void begin_authentication(SSL *ssl, struct dance_connection *c)
{
    c->pending = c->later = c->claimed = c->records = false;
    c->accepted = c->settled = c->reported = false;
    c->reason = DANCE_R_NONE;
    c->detail[0] = '\0';
    if (!c->given)
        return;
    c->stale = true;
    SSL_free(c->spare);
    c->spare = NULL;
    (void)X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), NULL, 0);
}

void dance_connection_restart(SSL *ssl, struct dance_connection *c)
{
    if (!is_first_handshake(ssl))
        return;
    begin_authentication(ssl, c);
    c->named = c->from_certificate = c->asked = c->resumed = false;
    c->reference = 0;
    c->over = false;
    c->until = 0;
}

void dance_connection_ask(SSL *ssl, struct dance_connection *c)
{
    if (is_first_handshake(ssl)) {
        dance_connection_restart(ssl, c);
    } else {
        begin_authentication(ssl, c);
        c->later = true;
    }
    c->asked = c->pending = true;
}

void dance_connection_fail(struct dance_connection *c, enum dance_reason reason, const char *format,
                           ...)
{
    va_list args;

    if (c->reason != DANCE_R_NONE)
        return;
    c->reason = reason;
    va_start(args, format);
    (void)vsnprintf(c->detail, sizeof(c->detail), format, args);
    va_end(args);
}

void dance_connection_report(struct dance_connection *c, const char *what, bool raise)
{
    char detail[sizeof(c->name) + sizeof(c->detail) + 4];
    bool both = c->named && c->detail[0] != '\0';

    (void)snprintf(detail, sizeof(detail), "%s%s%s", c->named ? c->name : "", both ? ": " : "",
                   c->detail);
    if (raise)
        dance_raise(c->reason, detail);
    if (c->reported)
        return;
    c->reported = true;
    dance_log(DANCE_LOG_INFO, "%s %s: %s%s%s%s", what, c->named ? c->name : "a client",
              dance_reason_text(c->reason), c->detail[0] != '\0' ? " (" : "", c->detail,
              c->detail[0] != '\0' ? ")" : "");
}
