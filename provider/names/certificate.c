/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "names/certificate.h"

#include "owner_name.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

/* How a value of the certificate stands to the owner name. */
enum likeness { SAME, LETTER_CASE, STRING_TYPE, ANOTHER };

static const char *const cn_faults[] = {
    [SAME] = NULL,
    [LETTER_CASE] = "its CN is not in lower case",
    [STRING_TYPE] = "its CN is neither UTF8String nor PrintableString nor IA5String",
    [ANOTHER] = "its CN is another name",
};

static const char *const dns_name_faults[] = {
    [SAME] = NULL,
    [LETTER_CASE] = "a dNSName of its subjectAltName is not in lower case",
    [STRING_TYPE] = "a dNSName of its subjectAltName is not an IA5String",
    [ANOTHER] = "a dNSName of its subjectAltName is another name",
};

/* Octet by octet: applications do, and a block list that has the name must not miss it. */
static enum likeness compare(const char *value, size_t len, const char *name, size_t name_len)
{
    if (len == name_len && memcmp(value, name, len) == 0)
        return SAME;
    return dance_owner_name_equal(value, len, name, name_len) ? LETTER_CASE : ANOTHER;
}

/* With the owner name itself, or what follows a leading label that begins with an underscore. */
static enum likeness likeness(const ASN1_STRING *value, const char *owner, size_t owner_len)
{
    int type = ASN1_STRING_type(value);
    const char *octets = (const char *)ASN1_STRING_get0_data(value);
    size_t len = (size_t)ASN1_STRING_length(value);
    const char *rest = owner[0] == '_' ? memchr(owner, '.', owner_len) : NULL;
    enum likeness whole;

    /* Of the others many applications read the octets: a BMPString is an empty C string. */
    if (type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING && type != V_ASN1_IA5STRING)
        return STRING_TYPE;
    whole = compare(octets, len, owner, owner_len);
    if (whole != ANOTHER || rest == NULL)
        return whole;
    rest++;
    return compare(octets, len, rest, owner_len - (size_t)(rest - owner));
}

/*
 * Octets that are to be the DER of what was read from them, and nothing more:
 * OpenSSL takes empty RDNs, strings in pieces and octets behind the end, and
 * who prints the octets, or reads them by another library, sees another name.
 */
struct der {
    const unsigned char *at;
    size_t left;
};

static bool goes_on_with(struct der *der, const unsigned char *octets, size_t len)
{
    if (len > der->left || memcmp(der->at, octets, len) != 0)
        return false;
    der->at += len;
    der->left -= len;
    return true;
}

static bool goes_on_with_header(struct der *der, int constructed, int len, int tag, int class)
{
    unsigned char header[8]; /* a tag, and a length of up to five octets */
    unsigned char *end = header;

    ASN1_put_object(&end, constructed, len, tag, class);
    return goes_on_with(der, header, (size_t)(end - header));
}

static bool goes_on_with_string(struct der *der, const ASN1_STRING *value, int tag, int class)
{
    int len = ASN1_STRING_length(value);

    return goes_on_with_header(der, 0, len, tag, class)
           && goes_on_with(der, ASN1_STRING_get0_data(value), (size_t)len);
}

/* With this CN, or empty if that is NULL. */
static bool subject_is_der(const X509_NAME *subject, const ASN1_STRING *cn)
{
    static const unsigned char type[] = {0x06, 0x03, 0x55, 0x04, 0x03}; /* id-at-commonName */
    struct der der;
    int attribute, rdn, rdns;

    if (X509_NAME_get0_der(subject, &der.at, &der.left) != 1)
        return false;
    if (cn == NULL)
        return goes_on_with_header(&der, 1, 0, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL) && der.left == 0;
    attribute =
        (int)sizeof(type) + ASN1_object_size(0, ASN1_STRING_length(cn), ASN1_STRING_type(cn));
    rdn = ASN1_object_size(1, attribute, V_ASN1_SEQUENCE);
    rdns = ASN1_object_size(1, rdn, V_ASN1_SET);
    return goes_on_with_header(&der, 1, rdns, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL)
           && goes_on_with_header(&der, 1, rdn, V_ASN1_SET, V_ASN1_UNIVERSAL)
           && goes_on_with_header(&der, 1, attribute, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL)
           && goes_on_with(&der, type, sizeof(type))
           && goes_on_with_string(&der, cn, ASN1_STRING_type(cn), V_ASN1_UNIVERSAL)
           && der.left == 0;
}

static const char *subject_fault(const X509 *leaf, const char *owner, size_t owner_len)
{
    const X509_NAME *subject = X509_get_subject_name(leaf);
    const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, 0);
    const ASN1_STRING *cn = NULL;
    const char *fault = NULL;

    if (entry != NULL) {
        if (X509_NAME_entry_count(subject) != 1
            || OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) != NID_commonName)
            return "its subject is more than one CN";
        cn = X509_NAME_ENTRY_get_data(entry);
        fault = cn_faults[likeness(cn, owner, owner_len)];
    }
    return fault != NULL || subject_is_der(subject, cn) ? fault : "its subject is malformed";
}

/* What is wrong with one of the names. */
static const char *alt_name_fault(const GENERAL_NAME *name, const char *owner, size_t owner_len)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);

    return type == GEN_DNS ? dns_name_faults[likeness(value, owner, owner_len)]
                           : "its subjectAltName holds another kind of name than dNSName";
}

static const ASN1_STRING *dns_name(const GENERAL_NAMES *names, int i)
{
    return GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), NULL);
}

/* names, all of them dNSNames, are the whole of the extension's value. */
static bool alt_names_are_der(const GENERAL_NAMES *names, const ASN1_OCTET_STRING *value)
{
    struct der der = {ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)};
    int len = 0;
    bool same;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        len += ASN1_object_size(0, ASN1_STRING_length(dns_name(names, i)), GEN_DNS);
    same = goes_on_with_header(&der, 1, len, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    for (int i = 0; same && i < sk_GENERAL_NAME_num(names); i++)
        same = goes_on_with_string(&der, dns_name(names, i), GEN_DNS, V_ASN1_CONTEXT_SPECIFIC);
    return same && der.left == 0;
}

static const char *san_fault(const X509 *leaf, const char *owner, size_t owner_len)
{
    static const char malformed[] = "its subjectAltName is malformed";
    int at = X509_get_ext_by_NID(leaf, NID_subject_alt_name, -1);
    const ASN1_OCTET_STRING *value;
    const unsigned char *p;
    const char *fault = NULL;
    GENERAL_NAMES *names;

    if (at < 0)
        return NULL;
    /* Of two, one application reads the first and another one the last. */
    if (X509_get_ext_by_NID(leaf, NID_subject_alt_name, at) >= 0)
        return malformed;
    value = X509_EXTENSION_get_data(X509_get_ext(leaf, at));
    p = ASN1_STRING_get0_data(value);
    names = d2i_GENERAL_NAMES(NULL, &p, ASN1_STRING_length(value));
    if (names == NULL)
        return malformed;
    for (int i = 0; fault == NULL && i < sk_GENERAL_NAME_num(names); i++)
        fault = alt_name_fault(sk_GENERAL_NAME_value(names, i), owner, owner_len);
    if (fault == NULL && !alt_names_are_der(names, value))
        fault = malformed;
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
