/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/connection.h"

#include "chain.h"
#include "process.h"

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

static void destroy(struct dance_connection *c)
{
    if (c == NULL)
        return;
    SSL_free(c->holder);
    OPENSSL_free(c->chain);
    dance_loan_free(&c->loan);
    OPENSSL_free(c);
}

static void (*made_hook)(SSL *ssl), (*freed_hook)(SSL *ssl);

static void on_new(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    (void)ptr;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    made_hook(parent);
}

/*
 * SSL_dup() copies what libssl keeps: records, reference identity, callbacks. So the
 * copy is known as one that has them, with the application's own behind ours; of the
 * client it knows nothing. What a client was lent is on the copy, too, until its handshake begins.
 */
static struct dance_connection *copy(const struct dance_connection *original)
{
    struct dance_connection *c = OPENSSL_zalloc(sizeof(*c));

    if (c != NULL) {
        c->stale = original->stale;
        c->verify_callback = original->verify_callback;
        c->info_callback = original->info_callback;
        c->security_callback = original->security_callback;
        c->security_context = original->security_context;
        c->client = original->client;
        c->loan = dance_loan_of_copy(&original->loan);
        c->raw_key_offered = original->raw_key_offered;
    }
    return c;
}

static int on_dup(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **from_d, int idx, long argl,
                  void *argp)
{
    const struct dance_connection *original = *from_d;

    (void)to;
    (void)from;
    (void)argl;
    (void)argp;
    /* What hangs at a number that was given back is somebody else's. */
    if (idx != ex_index || original == NULL)
        return 1;
    *from_d = copy(original);
    return *from_d != NULL;
}

static void on_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    (void)ad;
    (void)argl;
    (void)argp;
    freed_hook(parent);
    if (idx == ex_index)
        destroy(ptr);
}

int dance_connection_init(void (*made)(SSL *ssl), void (*freed)(SSL *ssl))
{
    int wanted = ex_index >= 0 ? ex_index : LOWEST_INDEX;
    int number;

    made_hook = made;
    freed_hook = freed;
    /*
     * Numbers below are left to those who believe that they own them. Each is taken as if it were
     * the one, and given back: so memory that is missing leaves nothing half done, and the next
     * call goes on where this one stopped.
     */
    while ((number = SSL_get_ex_new_index(0, NULL, on_new, on_dup, on_free)) >= 0
           && number < wanted)
        (void)CRYPTO_free_ex_index(CRYPTO_EX_INDEX_SSL, number);
    if (number < 0)
        return 0;
    if (ex_index >= 0 && number != ex_index) {
        (void)CRYPTO_free_ex_index(CRYPTO_EX_INDEX_SSL, number);
        return -1;
    }
    ex_index = number;
    return 1;
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

static void drop_chain(struct dance_connection *c)
{
    OPENSSL_free(c->chain);
    c->chain = NULL;
    c->chain_len = 0;
    c->chain_fault = NULL;
}

bool dance_connection_take_chain(struct dance_connection *c, const unsigned char *octets,
                                 size_t len)
{
    drop_chain(c);
    if (len == 0)
        c->chain_fault = "it is empty";
    else if (len > DANCE_CHAIN_MAX)
        c->chain_fault = "it is too long";
    else
        c->chain = OPENSSL_memdup(octets, len);
    c->chain_len = c->chain != NULL ? len : 0;
    return c->chain != NULL || c->chain_fault != NULL;
}

static void forget_proof(SSL *ssl, struct dance_connection *c)
{
    SSL_free(c->holder);
    c->holder = NULL;
    /* The reference identity that records.c set. */
    if (c->stale)
        (void)X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), NULL, 0);
    c->ttl = 0;
    c->reason = DANCE_R_NONE;
    c->detail[0] = c->record[0] = '\0';
    c->reported = false;
    c->verify_error = c->application_error = X509_V_OK;
}

static void forget_client(SSL *ssl, struct dance_connection *c)
{
    forget_proof(ssl, c);
    c->name[0] = '\0';
    c->reference = 0;
    c->until = 0;
    c->aside = false;
}

enum dance_action dance_connection_step(SSL *ssl, struct dance_connection *c,
                                        enum dance_event event)
{
    struct dance_step step = dance_machine_step(c->state, event, dance_rules()->level);

    c->state = step.state;
    /* It is for the lookup of that name, and not small. */
    if (event != DANCE_NAME)
        drop_chain(c);
    if (step.action == DANCE_FORGET_CLIENT)
        forget_client(ssl, c);
    if (step.action == DANCE_FORGET_PROOF)
        forget_proof(ssl, c);
    return step.action;
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
