/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"

#include "log.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>

#define LOWEST_INDEX 64

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
    (void)parent;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    OPENSSL_free(ptr);
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
