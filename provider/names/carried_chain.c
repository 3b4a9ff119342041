/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "names/carried_chain.h"

#include "chain.h"

#include <openssl/err.h>
#include <string.h>

#define PORT 2 /* octets */

X509_EXTENSION *dance_carried_chain_make(const uint8_t *chain, size_t len)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(DANCE_CARRIED_CHAIN_OID, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    uint8_t octets[PORT + DANCE_CHAIN_MAX] = {0};
    X509_EXTENSION *extension = NULL;

    if (oid != NULL && value != NULL && len <= DANCE_CHAIN_MAX) {
        memcpy(octets + PORT, chain, len);
        if (ASN1_OCTET_STRING_set(value, octets, (int)(PORT + len)))
            extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value);
    }
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(oid);
    return extension;
}

bool dance_carried_chain(const X509 *leaf, const uint8_t **chain, size_t *len)
{
    ASN1_OBJECT *oid;
    const ASN1_OCTET_STRING *value = NULL;
    size_t octets;
    int at = -1;

    ERR_set_mark();
    oid = OBJ_txt2obj(DANCE_CARRIED_CHAIN_OID, 1);
    if (oid != NULL)
        at = X509_get_ext_by_OBJ(leaf, oid, -1);
    /* RFC 5280, section 4.2: one of a kind. */
    if (at >= 0 && X509_get_ext_by_OBJ(leaf, oid, at) < 0)
        value = X509_EXTENSION_get_data(X509_get_ext(leaf, at));
    ASN1_OBJECT_free(oid);
    ERR_pop_to_mark();
    if (value == NULL)
        return false;
    octets = (size_t)ASN1_STRING_length(value);
    *len = octets > PORT ? octets - PORT : 0;
    *chain = *len > 0 ? ASN1_STRING_get0_data(value) + PORT : NULL;
    return true;
}
