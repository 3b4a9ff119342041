/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "client/credential.h"
#include "names/certificate.h"
#include "owner_name.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

#define OWNER "_mqtt.dev.example.com"

/* What the server is given: x goes through DER, for which it must be signed. Frees x. */
static X509 *received(X509 *x)
{
    static EVP_PKEY *key;
    X509 *decoded;

    if (key == NULL)
        key = EVP_EC_gen("P-256");
    cr_assert(X509_set_version(x, X509_VERSION_3));
    cr_assert_not_null(X509_gmtime_adj(X509_getm_notBefore(x), 0));
    cr_assert_not_null(X509_gmtime_adj(X509_getm_notAfter(x), 60));
    cr_assert(X509_set_pubkey(x, key));
    cr_assert(X509_sign(x, key, EVP_sha256()) > 0);
    decoded = X509_dup(x);
    cr_assert_not_null(decoded);
    X509_free(x);
    return decoded;
}

/* What is said of x, which is freed. */
static const char *fault_of(X509 *x)
{
    const char *said;

    x = received(x);
    said = dance_cert_names_fault(x, OWNER, strlen(OWNER));
    X509_free(x);
    cr_assert_eq(ERR_peek_error(), 0);
    return said;
}

/* Takes over name. */
static X509 *with_subject(X509_NAME *name)
{
    X509 *x = X509_new();

    cr_assert(X509_set_subject_name(x, name));
    X509_NAME_free(name);
    return x;
}

static void add_san(X509 *x, const char *san)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);

    cr_assert_not_null(e, "%s", san);
    cr_assert(X509_add_ext(x, e, -1));
    X509_EXTENSION_free(e);
}

/* The fault with the fields of subject "type=value,..." and a subjectAltName. */
static const char *fault(const char *const subject[][2], const char *san)
{
    X509_NAME *name = X509_NAME_new();
    X509 *x;

    for (size_t i = 0; subject != NULL && subject[i][0] != NULL; i++)
        cr_assert(X509_NAME_add_entry_by_txt(name, subject[i][0], MBSTRING_UTF8,
                                             (const unsigned char *)subject[i][1], -1, -1, 0));
    x = with_subject(name);
    if (san != NULL)
        add_san(x, san);
    return fault_of(x);
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
    cr_assert_null(fault(SUBJECT({"CN", "dev.example.com"}), NULL));
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

Test(cert_names, one_client_has_no_second_spelling)
{
    static const char cn_case[] = "its CN is not in lower case";
    static const char dns_name_case[] = "a dNSName of its subjectAltName is not in lower case";

    cr_assert_str_eq(fault(SUBJECT({"CN", "Dev.example.com"}), NULL), cn_case);
    cr_assert_str_eq(fault(SUBJECT({"CN", "_mqtt.dev.example.coM"}), NULL), cn_case);
    cr_assert_str_eq(fault(NULL, "DNS:DEV.EXAMPLE.COM"), dns_name_case);
    cr_assert_str_eq(fault(SUBJECT({"CN", OWNER}), "DNS:" OWNER ",DNS:_Mqtt.dev.example.com"),
                     dns_name_case);
    cr_assert_str_eq(fault(SUBJECT({"CN", OWNER "."}), NULL), "its CN is another name");
    cr_assert_str_eq(fault(NULL, "DNS:dev.example.com."),
                     "a dNSName of its subjectAltName is another name");
}

static const char *fault_of_cn(int type, const char *octets, size_t len)
{
    X509_NAME *name = X509_NAME_new();

    cr_assert(X509_NAME_add_entry_by_NID(name, NID_commonName, type, (const unsigned char *)octets,
                                         (int)len, -1, 0));
    return fault_of(with_subject(name));
}

#define FAULT_OF_CN(type, octets) fault_of_cn((type), (octets), sizeof(octets) - 1)

Test(cert_names, a_nul_does_not_end_a_name)
{
    cr_assert_str_eq(FAULT_OF_CN(V_ASN1_UTF8STRING, "dev.example.com\0x"),
                     "its CN is another name");
    cr_assert_str_eq(FAULT_OF_CN(V_ASN1_UTF8STRING, "dev.example.com\0"), "its CN is another name");
    cr_assert_str_eq(FAULT_OF_CN(V_ASN1_UTF8STRING, "\0dev.example.com"), "its CN is another name");
    cr_assert_str_eq(FAULT_OF_CN(V_ASN1_UTF8STRING, ""), "its CN is another name");
}

Test(cert_names, the_octets_of_a_cn_are_the_name)
{
    static const int good[] = {V_ASN1_UTF8STRING, V_ASN1_PRINTABLESTRING, V_ASN1_IA5STRING};
    static const char other_type[] =
        "its CN is neither UTF8String nor PrintableString nor IA5String";

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        cr_assert_null(FAULT_OF_CN(good[i], "dev.example.com"), "%d", good[i]);
        cr_assert_str_eq(FAULT_OF_CN(good[i], "dev.example.org"), "its CN is another name");
    }
    cr_assert_str_eq(FAULT_OF_CN(V_ASN1_T61STRING, "dev.example.com"), other_type);
    cr_assert_str_eq(FAULT_OF_CN(V_ASN1_BMPSTRING, "\0d\0e\0v\0.\0e\0x\0a\0m\0p\0l\0e\0.\0c\0o\0m"),
                     other_type);
    cr_assert_str_eq(FAULT_OF_CN(V_ASN1_UNIVERSALSTRING,
                                 "\0\0\0d\0\0\0e\0\0\0v\0\0\0.\0\0\0e\0\0\0x\0\0\0a\0\0\0m"
                                 "\0\0\0p\0\0\0l\0\0\0e\0\0\0.\0\0\0c\0\0\0o\0\0\0m"),
                     other_type);
}

static const char *fault_of_subject(const char *der, size_t len)
{
    const unsigned char *p = (const unsigned char *)der;
    X509_NAME *name = d2i_X509_NAME(NULL, &p, (long)len);

    cr_assert_not_null(name);
    return fault_of(with_subject(name));
}

#define FAULT_OF_SUBJECT(der) fault_of_subject((der), sizeof(der) - 1)

#define RDN "\061\030\060\026\006\003\125\004\003\014\017dev.example.com"

Test(cert_names, a_subject_is_der)
{
    static const char malformed[] = "its subject is malformed";

    cr_assert_null(FAULT_OF_SUBJECT("\060\032" RDN));
    cr_assert_null(FAULT_OF_SUBJECT("\060\000"));
    /* An RDN without an attribute, alone, before and behind the CN. */
    cr_assert_str_eq(FAULT_OF_SUBJECT("\060\002\061\000"), malformed);
    cr_assert_str_eq(FAULT_OF_SUBJECT("\060\034\061\000" RDN), malformed);
    cr_assert_str_eq(FAULT_OF_SUBJECT("\060\034" RDN "\061\000"), malformed);
    /* A length in two octets, and a string made of pieces. */
    cr_assert_str_eq(FAULT_OF_SUBJECT("\060\201\032" RDN), malformed);
    cr_assert_str_eq(
        FAULT_OF_SUBJECT(
            "\060\036\061\034\060\032\006\003\125\004\003\054\023\014\004dev.\014\013example.com"),
        malformed);
    /* Two attributes in one RDN are two names. */
    cr_assert_str_eq(FAULT_OF_SUBJECT("\060\046\061\044\060\012\006\003\125\004\003\014\003dev\060"
                                      "\026\006\003\125\004\003\014\017dev.example.com"),
                     "its subject is more than one CN");
}

static void add_san_octets(X509 *x, const char *der, size_t len)
{
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *e;

    cr_assert(ASN1_OCTET_STRING_set(value, (const unsigned char *)der, (int)len));
    e = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, value);
    cr_assert(X509_add_ext(x, e, -1));
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(value);
}

static const char *fault_of_san(const char *der, size_t len)
{
    X509 *x = X509_new();

    add_san_octets(x, der, len);
    return fault_of(x);
}

#define FAULT_OF_SAN(der) fault_of_san((der), sizeof(der) - 1)

#define DNS_NAME "\202\017dev.example.com"

Test(cert_names, a_subject_alt_name_is_der_and_nothing_behind_it)
{
    static const char malformed[] = "its subjectAltName is malformed";

    cr_assert_null(FAULT_OF_SAN("\060\021" DNS_NAME));
    cr_assert_str_eq(FAULT_OF_SAN("\060\021" DNS_NAME "\000"), malformed);
    cr_assert_str_eq(FAULT_OF_SAN("\060\021" DNS_NAME "\202\005admin"), malformed);
    cr_assert_str_eq(FAULT_OF_SAN("\060\021" DNS_NAME "\060\007\202\005admin"), malformed);
    cr_assert_str_eq(FAULT_OF_SAN("\060\201\021" DNS_NAME), malformed);
    cr_assert_str_eq(FAULT_OF_SAN("\060\200" DNS_NAME "\000\000"), malformed);
    cr_assert_str_eq(FAULT_OF_SAN("\060\025\242\023\026\004dev.\026\013example.com"), malformed);
    cr_assert_str_eq(FAULT_OF_SAN("\060\022\202\020dev.example.com\000"),
                     "a dNSName of its subjectAltName is another name");
    cr_assert_str_eq(FAULT_OF_SAN("\060\022" DNS_NAME), malformed);
    cr_assert_str_eq(FAULT_OF_SAN(DNS_NAME), malformed);
    cr_assert_str_eq(FAULT_OF_SAN(""), malformed);
}

Test(cert_names, two_subject_alt_names_are_malformed)
{
    for (const char *const *second = (const char *const[]){"DNS:admin", "DNS:" OWNER, NULL};
         *second != NULL; second++) {
        X509 *x = X509_new();

        add_san(x, "DNS:" OWNER);
        add_san(x, *second);
        cr_assert_str_eq(fault_of(x), "its subjectAltName is malformed", "%s", *second);
    }
}

static const char identity[] = "sensor7._device.example.com";

/* The certificate that is made for configured, which is identity in some letter case. */
static void check_self_signed(const char *algorithm, const char *configured)
{
    EVP_PKEY *key = strcmp(algorithm, "RSA") == 0     ? EVP_RSA_gen(2048)
                    : strcmp(algorithm, "P-256") == 0 ? EVP_EC_gen("P-256")
                                                      : EVP_PKEY_Q_keygen(NULL, NULL, algorithm);
    X509 *x = dance_credential_self_signed(key, configured, NULL);

    cr_assert_not_null(x, "%s", algorithm);
    cr_assert_null(dance_cert_names_fault(x, identity, strlen(identity)));
    cr_assert_eq(X509_NAME_entry_count(X509_get_subject_name(x)), 1);
    cr_assert_eq(X509_verify(x, key), 1);
    cr_assert_eq(X509_check_host(x, identity, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 1);
    cr_assert_eq(X509_check_purpose(x, X509_PURPOSE_SSL_CLIENT, 0), 1);
    X509_free(x);
    EVP_PKEY_free(key);
}

Test(credential, a_certificate_made_in_memory_names_the_identity)
{
    check_self_signed("P-256", identity);
    check_self_signed("RSA", identity);
    check_self_signed("ED25519", identity);
    check_self_signed("ED448", identity);
}

Test(credential, a_certificate_made_in_memory_is_in_lower_case)
{
    check_self_signed("P-256", "SENSOR7._Device.Example.COM");
}

Test(credential, the_string_type_is_not_the_applications)
{
    cr_assert(ASN1_STRING_set_default_mask_asc("default"));
    check_self_signed("P-256", identity);
}

Test(credential, a_long_identity_stands_in_the_san_alone)
{
    char name[200], lower[DANCE_NAME_MAX + 1];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x;

    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = i % 40 == 39 ? '.' : 'A';
    name[sizeof(name) - 1] = '\0';
    x = dance_credential_self_signed(key, name, NULL);
    cr_assert_not_null(x);
    cr_assert_eq(X509_NAME_entry_count(X509_get_subject_name(x)), 0);
    dance_owner_name_lower(lower, name, strlen(name));
    cr_assert_null(dance_cert_names_fault(x, lower, strlen(lower)));
    X509_free(x);
    EVP_PKEY_free(key);
}
