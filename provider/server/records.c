/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/records.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>

/* What holders are made of: one SSL_CTX a process, and its children's. */
static _Atomic(SSL_CTX *) holders;
static _Thread_local bool making;

static SSL_CTX *make_context(void)
{
    SSL_CTX *ctx;

    making = true;
    ctx = SSL_CTX_new(TLS_server_method());
    making = false;
    if (ctx != NULL && SSL_CTX_dane_enable(ctx) == 1)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

static SSL_CTX *context(void)
{
    SSL_CTX *ctx = atomic_load(&holders);
    SSL_CTX *before = NULL;

    if (ctx != NULL || (ctx = make_context()) == NULL)
        return ctx;
    if (atomic_compare_exchange_strong(&holders, &before, ctx))
        return ctx;
    /* Another thread was faster. */
    SSL_CTX_free(ctx);
    return before;
}

void dance_records_open(void)
{
    (void)context();
}

bool dance_records_own(const SSL_CTX *ctx)
{
    return making || (ctx != NULL && ctx == atomic_load(&holders));
}

/* 1; 0: libssl does not know the parameters or cannot read the data; -1: it fails. */
static int add(SSL *ssl, const struct dance_wire_record *r)
{
    return SSL_dane_tlsa_add(ssl, r->rdata[0], r->rdata[1], r->rdata[2], r->rdata + 3, r->len - 3);
}

/* A holder, or NULL. */
static SSL *make_holder(void)
{
    /*
     * The record that nothing matches: DANE-EE(3) Cert(0) SHA2-256(1) of a certificate that
     * nobody has. SHA2-256 is the weakest digest that libssl knows, so that digest agility
     * (RFC 7671, section 9) never prefers this record to the client's own.
     */
    static const unsigned char digest[32] = {0};
    SSL_CTX *ctx = context();
    SSL *ssl = ctx != NULL ? SSL_new(ctx) : NULL;

    if (ssl != NULL && SSL_dane_enable(ssl, NULL) == 1
        && SSL_dane_tlsa_add(ssl, 3, 0, 1, digest, sizeof(digest)) == 1) {
        /* With DANE-EE(3) the name is bound by the record itself (RFC 7671, section 5.1). */
        (void)SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
        return ssl;
    }
    SSL_free(ssl);
    return NULL;
}

int dance_records_hold(struct dance_connection *c)
{
    if (c->holder != NULL)
        return 1;
    ERR_set_mark();
    c->holder = make_holder();
    ERR_pop_to_mark();
    return c->holder != NULL;
}

int dance_records_reference(X509_VERIFY_PARAM *param, const char *name)
{
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_WILDCARDS
                                               | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    /* Not SSL_set1_host(), which takes a name of four numbers for an address. */
    return X509_VERIFY_PARAM_set1_host(param, name, 0);
}

/* The connection's SSL may have been enabled by the application, or for an earlier client. */
static bool enable(SSL *ssl, struct dance_connection *c)
{
    c->stale = true;
    if (SSL_dane_enable(ssl, NULL) < 0
        || !dance_records_reference(SSL_get0_param(ssl), c->name + c->reference))
        return false;
    (void)SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    return true;
}

int dance_records_give(SSL *ssl, struct dance_connection *c, const struct dance_wire_answer *answer,
                       unsigned usages)
{
    int taken = 0;

    if (!dance_records_hold(c))
        return -1;
    ERR_set_mark();
    if (!enable(ssl, c))
        taken = -1;
    for (size_t i = 0; taken >= 0 && i < answer->count; i++) {
        const struct dance_wire_record *r = &answer->record[i];
        int added;

        if (r->len < 3 || r->rdata[0] > 3 || (usages & (1u << r->rdata[0])) == 0)
            continue;
        added = add(c->holder, r);
        if (added > 0)
            added = add(ssl, r);
        taken = added < 0 ? -1 : taken + added;
    }
    ERR_pop_to_mark();
    return taken;
}

bool dance_records_matched(struct dance_connection *c)
{
    uint8_t usage, selector, mtype;

    if (c->holder == NULL
        || SSL_get0_dane_tlsa(c->holder, &usage, &selector, &mtype, NULL, NULL) < 0)
        return false;
    (void)snprintf(c->record, sizeof(c->record), "%u %u %u", usage, selector, mtype);
    return true;
}
