/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "names/certificate.h"

#include "owner_name.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

/* The owner name itself, or what follows a leading label that begins with an underscore. */
static bool names_owner(const char *name, int len, const char *owner, size_t owner_len)
{
    const char *rest;

    if (len < 0)
        return false;
    if (dance_owner_name_equal(name, (size_t)len, owner, owner_len))
        return true;
    rest = owner[0] == '_' ? memchr(owner, '.', owner_len) : NULL;
    if (rest == NULL)
        return false;
    rest++;
    return dance_owner_name_equal(name, (size_t)len, rest, owner_len - (size_t)(rest - owner));
}

/* value, which may be of any string type, names the owner. */
static bool value_names_owner(const ASN1_STRING *value, const char *owner, size_t owner_len)
{
    unsigned char *utf8 = NULL;
    bool same;
    int len;

    /* The usual types are UTF-8 as they are. */
    if (ASN1_STRING_type(value) == V_ASN1_UTF8STRING
        || ASN1_STRING_type(value) == V_ASN1_PRINTABLESTRING
        || ASN1_STRING_type(value) == V_ASN1_IA5STRING)
        return names_owner((const char *)ASN1_STRING_get0_data(value), ASN1_STRING_length(value),
                           owner, owner_len);
    len = ASN1_STRING_to_UTF8(&utf8, value);
    same = names_owner((const char *)utf8, len, owner, owner_len);
    OPENSSL_free(utf8);
    return same;
}

static const char *subject_fault(const X509 *leaf, const char *owner, size_t owner_len)
{
    const X509_NAME *subject = X509_get_subject_name(leaf);
    const X509_NAME_ENTRY *entry;

    if (X509_NAME_entry_count(subject) == 0)
        return NULL;
    entry = X509_NAME_get_entry(subject, 0);
    if (X509_NAME_entry_count(subject) != 1
        || OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) != NID_commonName)
        return "its subject is more than one CN";
    return value_names_owner(X509_NAME_ENTRY_get_data(entry), owner, owner_len)
               ? NULL
               : "its CN is another name";
}

static const char *san_fault(const X509 *leaf, const char *owner, size_t owner_len)
{
    const char *fault = NULL;
    int critical = 0;
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, &critical, NULL);

    /* -1: there is none. -2: several. Otherwise it could not be decoded. */
    if (names == NULL)
        return critical == -1 ? NULL : "its subjectAltName is malformed";
    for (int i = 0; fault == NULL && i < sk_GENERAL_NAME_num(names); i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);

        if (type != GEN_DNS)
            fault = "its subjectAltName holds another kind of name than dNSName";
        else if (!value_names_owner(value, owner, owner_len))
            fault = "a dNSName of its subjectAltName is another name";
    }
    GENERAL_NAMES_free(names);
    return fault;
}

const char *dance_cert_names_fault(const X509 *leaf, const char *owner, size_t owner_len)
{
    const char *fault;

    ERR_set_mark();
    fault = subject_fault(leaf, owner, owner_len);
    if (fault == NULL)
        fault = san_fault(leaf, owner, owner_len);
    ERR_pop_to_mark();
    return fault;
}
