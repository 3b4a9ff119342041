/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "names/san.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#define FIFTY "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"

static char name[DANCE_NAME_MAX + 1];

/* Takes over the names. What dance_san_name() says of a certificate with them. */
static const char *derive(GENERAL_NAMES *names, const char *label)
{
    X509 *x = X509_new();
    const char *said;

    cr_assert_not_null(x);
    if (names != NULL)
        cr_assert(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT));
    memset(name, 'x', sizeof(name));
    said = dance_san_name(x, label, name);
    cr_assert_eq(said == NULL, name[0] != '\0');
    cr_assert_eq(ERR_peek_error(), 0);
    GENERAL_NAMES_free(names);
    X509_free(x);
    return said;
}

static GENERAL_NAMES *add(GENERAL_NAMES *names, int type, const char *value, int len)
{
    GENERAL_NAME *one = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    if (names == NULL)
        names = GENERAL_NAMES_new();
    cr_assert(ASN1_STRING_set(text, value, len));
    GENERAL_NAME_set0_value(one, type, text);
    cr_assert(sk_GENERAL_NAME_push(names, one));
    return names;
}

static GENERAL_NAMES *dns(GENERAL_NAMES *names, const char *value)
{
    return add(names, GEN_DNS, value, -1);
}

Test(san_name, the_one_dns_name_in_lower_case)
{
    cr_assert_null(derive(dns(NULL, "Dev.Example.COM"), NULL));
    cr_assert_str_eq(name, "dev.example.com");
    cr_assert_null(derive(dns(add(NULL, GEN_EMAIL, "a@example.com", -1), "dev.example.com"), NULL));
    cr_assert_str_eq(name, "dev.example.com");
}

Test(san_name, below_a_service_label)
{
    cr_assert_null(derive(dns(NULL, "Dev.example.com"), "_SMTP-client"));
    cr_assert_str_eq(name, "_smtp-client.dev.example.com");
}

Test(san_name, none_or_several)
{
    cr_assert_not_null(derive(NULL, NULL));
    cr_assert_not_null(derive(add(NULL, GEN_EMAIL, "a@example.com", -1), NULL));
    cr_assert_not_null(derive(dns(dns(NULL, "a.example.com"), "b.example.com"), NULL));
    cr_assert_not_null(derive(dns(dns(NULL, "a.example.com"), "a.example.com"), NULL));
}

Test(san_name, no_owner_name)
{
    cr_assert_not_null(derive(add(NULL, GEN_DNS, "dev.example.com\0.evil", 21), NULL));
    cr_assert_not_null(derive(add(NULL, GEN_DNS, "", 0), NULL));
    cr_assert_not_null(derive(dns(NULL, "*.example.com"), NULL));
    cr_assert_not_null(derive(dns(NULL, "dev.example.com."), NULL));
    cr_assert_not_null(derive(dns(NULL, "b\xc3\xbc.example.com"), NULL));
}

Test(san_name, too_long_with_the_label)
{
    static const char longest[] = FIFTY "." FIFTY "." FIFTY "." FIFTY "." FIFTY "abcdefgh";

    cr_assert_eq(strlen(longest), 262);
    cr_assert_not_null(derive(dns(NULL, longest), NULL));
    cr_assert_null(derive(dns(NULL, longest + 9), NULL));
    cr_assert_eq(strlen(name), 253);
    cr_assert_not_null(derive(dns(NULL, longest + 9), "_x"));
    cr_assert_null(derive(dns(NULL, longest + 12), "_x"));
    cr_assert_eq(strlen(name), 253);
}
