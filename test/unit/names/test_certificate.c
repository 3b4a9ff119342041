/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "client/credential.h"
#include "names/certificate.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

#define OWNER "_mqtt.dev.example.com"

/* An unsigned certificate with the fields of subject "type=value,..." and a subjectAltName. */
static X509 *make(const char *const subject[][2], const char *san)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_NAME_new();

    for (size_t i = 0; subject != NULL && subject[i][0] != NULL; i++)
        cr_assert(X509_NAME_add_entry_by_txt(name, subject[i][0], MBSTRING_UTF8,
                                             (const unsigned char *)subject[i][1], -1, -1, 0));
    cr_assert(X509_set_subject_name(x, name));
    X509_NAME_free(name);
    if (san != NULL) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);

        cr_assert_not_null(e, "%s", san);
        cr_assert(X509_add_ext(x, e, -1));
        X509_EXTENSION_free(e);
    }
    return x;
}

static const char *fault(const char *const subject[][2], const char *san)
{
    X509 *x = make(subject, san);
    const char *said = dance_cert_names_fault(x, OWNER, strlen(OWNER));

    X509_free(x);
    cr_assert_eq(ERR_peek_error(), 0);
    return said;
}

#define SUBJECT(...)                                                                               \
    (const char *const[][2])                                                                       \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }

Test(cert_names, nobody_or_the_identity_is_good)
{
    cr_assert_null(fault(NULL, NULL));
    cr_assert_null(fault(SUBJECT({"CN", OWNER}), NULL));
    cr_assert_null(fault(SUBJECT({"CN", "Dev.Example.COM"}), NULL));
    cr_assert_null(fault(SUBJECT({"CN", "dev.example.com"}), "DNS:dev.example.com,DNS:" OWNER));
    cr_assert_null(fault(NULL, "DNS:" OWNER));
}

Test(cert_names, anybody_else_is_not)
{
    cr_assert_str_eq(fault(SUBJECT({"CN", "admin"}), NULL), "its CN is another name");
    cr_assert_str_eq(fault(SUBJECT({"CN", "example.com"}), NULL), "its CN is another name");
    cr_assert_str_eq(fault(SUBJECT({"O", "Corp"}), NULL), "its subject is more than one CN");
    cr_assert_str_eq(fault(SUBJECT({"CN", OWNER}, {"CN", "admin"}), NULL),
                     "its subject is more than one CN");
    cr_assert_str_eq(fault(NULL, "DNS:" OWNER ",DNS:admin.example.com"),
                     "a dNSName of its subjectAltName is another name");
    cr_assert_str_eq(fault(NULL, "DNS:*.example.com"),
                     "a dNSName of its subjectAltName is another name");
    for (const char *const *san =
             (const char *const[]){"email:a@example.com", "URI:spiffe://x/y", "IP:127.0.0.1",
                                   "RID:1.2.3.4", "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:root",
                                   NULL};
         *san != NULL; san++)
        cr_assert_str_eq(fault(NULL, *san),
                         "its subjectAltName holds another kind of name than dNSName", "%s", *san);
}

Test(cert_names, a_nul_does_not_end_a_name)
{
    X509 *x = make(NULL, NULL);
    X509_NAME *name = X509_NAME_new();

    cr_assert(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                         (const unsigned char *)"dev.example.com\0x", 17, -1, 0));
    cr_assert(X509_set_subject_name(x, name));
    X509_NAME_free(name);
    cr_assert_str_eq(dance_cert_names_fault(x, OWNER, strlen(OWNER)), "its CN is another name");
    X509_free(x);
}

static const char *fault_of_cn(int type, const char *octets, int len)
{
    X509 *x = make(NULL, NULL);
    X509_NAME *name = X509_NAME_new();
    const char *said;

    cr_assert(X509_NAME_add_entry_by_NID(name, NID_commonName, type, (const unsigned char *)octets,
                                         len, -1, 0));
    cr_assert(X509_set_subject_name(x, name));
    X509_NAME_free(name);
    said = dance_cert_names_fault(x, OWNER, strlen(OWNER));
    X509_free(x);
    cr_assert_eq(ERR_peek_error(), 0);
    return said;
}

Test(cert_names, a_cn_of_any_string_type_is_read)
{
    static const int types[] = {V_ASN1_UTF8STRING, V_ASN1_PRINTABLESTRING, V_ASN1_IA5STRING,
                                V_ASN1_T61STRING};
    static const char wide[] = "\0d\0e\0v\0.\0e\0x\0a\0m\0p\0l\0e\0.\0c\0o\0m";

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        cr_assert_null(fault_of_cn(types[i], "dev.example.com", 15), "%d", types[i]);
        cr_assert_str_eq(fault_of_cn(types[i], "dev.example.org", 15), "its CN is another name");
    }
    cr_assert_null(fault_of_cn(V_ASN1_BMPSTRING, wide, (int)sizeof(wide) - 1));
    cr_assert_str_eq(fault_of_cn(V_ASN1_BMPSTRING, wide, (int)sizeof(wide) - 3),
                     "its CN is another name");
}

Test(cert_names, two_subject_alt_names_are_malformed)
{
    X509 *x = make(NULL, "DNS:" OWNER);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:admin");

    cr_assert(X509_add_ext(x, e, -1));
    X509_EXTENSION_free(e);
    cr_assert_str_eq(dance_cert_names_fault(x, OWNER, strlen(OWNER)),
                     "its subjectAltName is malformed");
    X509_free(x);
}

static void check_self_signed(const char *algorithm)
{
    static const char identity[] = "sensor7._device.example.com";
    EVP_PKEY *key = strcmp(algorithm, "RSA") == 0     ? EVP_RSA_gen(2048)
                    : strcmp(algorithm, "P-256") == 0 ? EVP_EC_gen("P-256")
                                                      : EVP_PKEY_Q_keygen(NULL, NULL, algorithm);
    X509 *x = dance_credential_self_signed(key, identity);

    cr_assert_not_null(x, "%s", algorithm);
    cr_assert_null(dance_cert_names_fault(x, identity, strlen(identity)));
    cr_assert_eq(X509_verify(x, key), 1);
    cr_assert_eq(X509_check_host(x, identity, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 1);
    cr_assert_eq(X509_check_purpose(x, X509_PURPOSE_SSL_CLIENT, 0), 1);
    X509_free(x);
    EVP_PKEY_free(key);
}

Test(credential, a_certificate_made_in_memory_names_the_identity)
{
    check_self_signed("P-256");
    check_self_signed("RSA");
    check_self_signed("ED25519");
    check_self_signed("ED448");
}

Test(credential, a_long_identity_stands_in_the_san_alone)
{
    char identity[200];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x;

    for (size_t i = 0; i < sizeof(identity); i++)
        identity[i] = i % 40 == 39 ? '.' : 'a';
    identity[sizeof(identity) - 1] = '\0';
    x = dance_credential_self_signed(key, identity);
    cr_assert_not_null(x);
    cr_assert_eq(X509_NAME_entry_count(X509_get_subject_name(x)), 0);
    cr_assert_null(dance_cert_names_fault(x, identity, strlen(identity)));
    X509_free(x);
    EVP_PKEY_free(key);
}
