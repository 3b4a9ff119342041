/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "store/choice.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/store.h>
#include <stdbool.h>

enum { PKIX_TA, PKIX_EE, DANE_TA, DANE_EE }; /* certificate usages */
enum { CERT, SPKI };                         /* selectors */
enum { FULL };                               /* matching types */

static bool is_full(const struct dance_wire_record *r, uint8_t selector)
{
    return r->rdata[0] <= DANE_EE && r->rdata[1] == selector && r->rdata[2] == FULL;
}

/* The certificate that is all of the record's data, or NULL; errors are on the queue. */
static X509 *certificate(const struct dance_wire_record *r)
{
    const unsigned char *at = r->rdata + 3;
    X509 *x = d2i_X509(NULL, &at, (long)(r->len - 3));

    if (x != NULL && at == r->rdata + r->len)
        return x;
    X509_free(x);
    return NULL;
}

static bool is_key(const struct dance_wire_record *r)
{
    const unsigned char *at = r->rdata + 3;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)(r->len - 3));
    bool whole = key != NULL && at == r->rdata + r->len;

    EVP_PKEY_free(key);
    return whole;
}

/*
 * The kind of object that the record holds; DANCE_STORE_NAME: none. With
 * subject, certificates of other subjects are none either.
 */
static enum dance_store_kind held(const struct dance_wire_record *r, const X509_NAME *subject)
{
    enum dance_store_kind kind = DANCE_STORE_NAME;
    X509 *x;

    ERR_set_mark();
    if (is_full(r, CERT)) {
        x = certificate(r);
        if (x != NULL && (subject == NULL || X509_NAME_cmp(X509_get_subject_name(x), subject) == 0))
            kind = r->rdata[0] == DANE_TA ? DANCE_STORE_ANCHOR : DANCE_STORE_REJECTED;
        X509_free(x);
    } else if (is_full(r, SPKI) && subject == NULL && is_key(r)) {
        kind = DANCE_STORE_KEY;
    }
    ERR_pop_to_mark();
    return kind;
}

/* May this kind be given out at all? */
static bool wanted(enum dance_store_kind kind, const struct dance_store_wish *wish)
{
    if (wish->subject != NULL)
        return kind == DANCE_STORE_ANCHOR
               && (wish->expect == 0 || wish->expect == OSSL_STORE_INFO_CERT);
    switch (wish->expect) {
    case 0:
        return true;
    case OSSL_STORE_INFO_NAME:
        return kind == DANCE_STORE_NAME;
    case OSSL_STORE_INFO_CERT:
        return kind == DANCE_STORE_ANCHOR;
    case OSSL_STORE_INFO_PUBKEY:
        return kind == DANCE_STORE_KEY;
    default:
        return false;
    }
}

size_t dance_store_choose(const struct dance_wire_answer *answer,
                          const struct dance_store_wish *wish,
                          struct dance_store_item items[DANCE_STORE_ITEMS_MAX])
{
    size_t count = 0;

    /*
     * Names first: up to OpenSSL 3.6, who pours a list into a trust store
     * (X509_LOOKUP_load_store) stops at a name.
     */
    for (size_t i = 0; i < answer->count && wanted(DANCE_STORE_NAME, wish); i++)
        items[count++] = (struct dance_store_item){DANCE_STORE_NAME, &answer->record[i]};
    for (size_t i = 0; i < answer->count; i++) {
        enum dance_store_kind kind = held(&answer->record[i], wish->subject);

        if (kind != DANCE_STORE_NAME && wanted(kind, wish))
            items[count++] = (struct dance_store_item){kind, &answer->record[i]};
    }
    return count;
}

const char *dance_store_remark(const struct dance_wire_record *r)
{
    bool full = is_full(r, CERT) || is_full(r, SPKI);

    if (!full)
        return NULL;
    switch (held(r, NULL)) {
    case DANCE_STORE_NAME:
        return r->rdata[1] == CERT ? "its data is no certificate that OpenSSL can read"
                                   : "its data is no public key that OpenSSL can read";
    case DANCE_STORE_REJECTED:
        return "its certificate is no trust anchor";
    default:
        return NULL;
    }
}

size_t dance_store_rejected_der(const struct dance_wire_record *r, unsigned char **der)
{
    /* anyExtendedKeyUsage does not speak for the two about OCSP (see trust in openssl-x509(1)). */
    static const int purposes[] = {NID_anyExtendedKeyUsage, NID_OCSP_sign, NID_ad_OCSP};
    X509 *x = certificate(r);
    bool ok = x != NULL;
    int len = 0;

    *der = NULL;
    for (size_t i = 0; ok && i < sizeof(purposes) / sizeof(purposes[0]); i++)
        ok = X509_add1_reject_object(x, OBJ_nid2obj(purposes[i])) == 1;
    if (ok)
        len = i2d_X509_AUX(x, der);
    X509_free(x);
    return len > 0 ? (size_t)len : 0;
}
