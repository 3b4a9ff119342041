/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "names/san.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

/* The dNSName, if there is exactly one; belongs to names. */
static const ASN1_STRING *only_dns_name(const GENERAL_NAMES *names)
{
    const ASN1_STRING *only = NULL;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);

        if (type != GEN_DNS)
            continue;
        if (only != NULL)
            return NULL;
        only = value;
    }
    return only;
}

static const char *compose(const ASN1_STRING *dns_name, const char *label,
                           char out[DANCE_NAME_MAX + 1])
{
    const char *name = (const char *)ASN1_STRING_get0_data(dns_name);
    int len = ASN1_STRING_length(dns_name);
    char full[2 * DANCE_NAME_MAX];
    int full_len;

    /* Checked before it is printed: an octet 0 in it would cut it short. */
    if (len < 0 || dance_owner_name_fault(name, (size_t)len) != NULL)
        return "the dNSName of its certificate is not an acceptable owner name";
    full_len = snprintf(full, sizeof(full), "%s%s%.*s", label != NULL ? label : "",
                        label != NULL ? "." : "", len, name);
    if (full_len < 0 || dance_owner_name_fault(full, (size_t)full_len) != NULL)
        return "the dNSName of its certificate is too long for a service label";
    dance_owner_name_lower(out, full, (size_t)full_len);
    return NULL;
}

const char *dance_san_name(const X509 *leaf, const char *label, char out[DANCE_NAME_MAX + 1])
{
    const char *fault = "its certificate has not exactly one dNSName";
    const ASN1_STRING *dns_name;
    GENERAL_NAMES *names;

    out[0] = '\0';
    ERR_set_mark();
    names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    dns_name = only_dns_name(names);
    if (dns_name != NULL)
        fault = compose(dns_name, label, out);
    GENERAL_NAMES_free(names);
    ERR_pop_to_mark();
    return fault;
}
