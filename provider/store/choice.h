/*
 * choice.h: which objects of a TLSA RRset the dane: store gives out.
 *
 * OpenSSL trusts each certificate that it finds in a store which is named as a
 * source of trust anchors. Only DANE-TA(2) publishes a trust anchor: PKIX-TA(0)
 * and PKIX-EE(1) only narrow down what a CA of the system has vouched for, and
 * DANE-EE(3) is about one certificate and its name. So the decision what is
 * given out stands here, and nowhere else:
 *
 *   - Who searches by subject gets certificates of DANE-TA records and nothing
 *     else; so does who expects certificates without a search.
 *   - Who lists everything gets the names of all records first and then the
 *     objects; a certificate of another usage is marked as rejected for every
 *     purpose (the trust settings of OpenSSL's TRUSTED CERTIFICATE), so that it
 *     is no anchor even where the list is poured into a trust store.
 *   - Data that does not decode, or does not end where the certificate or key
 *     ends (trust settings could follow), yields a name only.
 *
 * Leaves the error queue as it was.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_STORE_CHOICE_H
#define DANCE_STORE_CHOICE_H

#include "dance_wire.h"

#include <openssl/x509.h>
#include <stddef.h>

enum dance_store_kind {
    DANCE_STORE_NAME,     /* the record in words */
    DANCE_STORE_ANCHOR,   /* the certificate of a DANE-TA record */
    DANCE_STORE_REJECTED, /* the certificate of another record */
    DANCE_STORE_KEY       /* a public key (selector SPKI) */
};

/* What is asked for. */
struct dance_store_wish {
    int expect;               /* OSSL_STORE_INFO_..., 0: anything */
    const X509_NAME *subject; /* NULL: no search */
};

struct dance_store_item {
    enum dance_store_kind kind;
    const struct dance_wire_record *record;
};

/* A name and an object for each record. */
#define DANCE_STORE_ITEMS_MAX (2 * DANCE_WIRE_RECORDS_MAX)

/* Write what is to be given out, in that order; the number of items. They point into answer. */
size_t dance_store_choose(const struct dance_wire_answer *answer,
                          const struct dance_store_wish *wish,
                          struct dance_store_item items[DANCE_STORE_ITEMS_MAX]);

/* What there is to say about the object of a record in a list of names; NULL: nothing. */
const char *dance_store_remark(const struct dance_wire_record *record);

/*
 * The certificate of a DANCE_STORE_REJECTED item with its trust settings, in
 * DER as PEM's TRUSTED CERTIFICATE holds it; the octets of *der, to be freed
 * with OPENSSL_free(), or 0 when out of memory.
 */
size_t dance_store_rejected_der(const struct dance_wire_record *record, unsigned char **der);

#endif
