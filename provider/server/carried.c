/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/carried.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>

const ASN1_OCTET_STRING *dance_carried_chain(const X509 *certificate)
{
    ASN1_OBJECT *type = OBJ_txt2obj("1.3.6.1.4.1.54392.5.1620", 1);
    int at = type != NULL ? X509_get_ext_by_OBJ(certificate, type, -1) : -1;
    /* RFC 5280, section 4.2: one of a kind. */
    int second = at >= 0 ? X509_get_ext_by_OBJ(certificate, type, at) : -1;

    ASN1_OBJECT_free(type);
    return at >= 0 && second < 0 ? X509_EXTENSION_get_data(X509_get_ext(certificate, at)) : NULL;
}
