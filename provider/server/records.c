/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/records.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

/*
 * The record that nothing matches: DANE-EE(3) Cert(0) SHA2-256(1) of a
 * certificate that nobody has. SHA2-256 is the weakest digest that libssl
 * knows, so that digest agility (RFC 7671, section 9) never prefers this
 * record to the client's own.
 */
static int add_unmatchable(SSL *ssl)
{
    static const unsigned char digest[32] = {0};

    return SSL_dane_tlsa_add(ssl, 3, 0, 1, digest, sizeof(digest)) == 1;
}

int dance_tlsa_arm(SSL *ssl)
{
    int ok;

    ERR_set_mark();
    /* 0 here also means that it is enabled already; then adding a record succeeds. */
    ok = SSL_dane_enable(ssl, NULL) >= 0 && add_unmatchable(ssl);
    /* With DANE-EE(3) the name is bound by the record itself (RFC 7671, section 5.1). */
    if (ok)
        (void)SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    ERR_pop_to_mark();
    return ok;
}

int dance_tlsa_reference(X509_VERIFY_PARAM *param, const char *name)
{
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_WILDCARDS
                                               | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    /* Not SSL_set1_host(), which takes a name of four numbers for an address. */
    return X509_VERIFY_PARAM_set1_host(param, name, 0);
}

SSL *dance_tlsa_holder(SSL *ssl, struct dance_connection *c)
{
    if (!c->stale) {
        if (!c->armed)
            c->armed = dance_tlsa_arm(ssl) == 1;
        return c->armed ? ssl : NULL;
    }
    if (c->spare != NULL)
        return c->spare;
    ERR_set_mark();
    c->spare = SSL_new(SSL_get_SSL_CTX(ssl));
    ERR_pop_to_mark();
    if (c->spare != NULL && !dance_tlsa_arm(c->spare)) {
        SSL_free(c->spare);
        c->spare = NULL;
    }
    return c->spare;
}

int dance_tlsa_give(SSL *ssl, struct dance_connection *c, const struct dance_wire_answer *answer,
                    unsigned usages)
{
    SSL *holder = dance_tlsa_holder(ssl, c);
    int taken = 0;

    if (holder == NULL)
        return -1;
    ERR_set_mark();
    /* libssl verifies by the parameters of the connection's own SSL. */
    if (!dance_tlsa_reference(SSL_get0_param(ssl), c->name + c->reference))
        taken = -1;
    for (size_t i = 0; taken >= 0 && i < answer->count; i++) {
        const struct dance_wire_record *r = &answer->record[i];
        int added;

        if (r->len < 3 || r->rdata[0] > 3 || (usages & (1u << r->rdata[0])) == 0)
            continue;
        added = SSL_dane_tlsa_add(holder, r->rdata[0], r->rdata[1], r->rdata[2], r->rdata + 3,
                                  r->len - 3);
        /* 0: libssl does not know the parameters or cannot read the data; others may do. */
        taken = added < 0 ? -1 : taken + added;
    }
    ERR_pop_to_mark();
    c->given = c->given || holder == ssl;
    return taken;
}

bool dance_tlsa_matched(SSL *ssl, struct dance_connection *c)
{
    SSL *holder = c->stale ? c->spare : ssl;
    uint8_t usage, selector, mtype;

    if (holder == NULL || SSL_get0_dane_tlsa(holder, &usage, &selector, &mtype, NULL, NULL) < 0)
        return false;
    (void)snprintf(c->record, sizeof(c->record), "%u %u %u", usage, selector, mtype);
    return true;
}
