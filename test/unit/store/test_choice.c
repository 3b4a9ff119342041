/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "client/credential.h"
#include "store/choice.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/store.h>
#include <openssl/x509v3.h>

#define OCTETS_MAX 2048

/* The data of records: a certificate, its key, and the same with an octet behind. */
static struct {
    EVP_PKEY *key;
    X509 *x;
    uint8_t cert[OCTETS_MAX], spki[OCTETS_MAX];
    size_t cert_len, spki_len;
} data;

static void make(void)
{
    uint8_t *at;

    data.key = EVP_EC_gen("P-256");
    data.x = dance_credential_self_signed(data.key, "ta.example.com", NULL);
    cr_assert_not_null(data.x);
    at = data.cert + 3;
    data.cert_len = (size_t)i2d_X509(data.x, &at);
    at = data.spki + 3;
    data.spki_len = (size_t)i2d_PUBKEY(data.key, &at);
    cr_assert(data.cert_len > 100 && data.spki_len > 50);
}

static void discard(void)
{
    X509_free(data.x);
    EVP_PKEY_free(data.key);
}

TestSuite(store_choice, .init = make, .fini = discard);

static struct dance_wire_record record(uint8_t *rdata, size_t len, uint8_t usage, uint8_t selector,
                                       uint8_t type)
{
    rdata[0] = usage;
    rdata[1] = selector;
    rdata[2] = type;
    return (struct dance_wire_record){rdata, 3 + len};
}

/* What one record brings: "n" for its name, "A", "R" or "K" for its object. */
static const char *chosen(struct dance_wire_record r, int expect, const X509_NAME *subject)
{
    static char text[DANCE_STORE_ITEMS_MAX + 1];
    struct dance_wire_answer answer = {.status = DANCE_WIRE_SECURE, .count = 1};
    const struct dance_store_wish wish = {expect, subject};
    struct dance_store_item items[DANCE_STORE_ITEMS_MAX];
    size_t count;

    answer.record[0] = r;
    count = dance_store_choose(&answer, &wish, items);
    for (size_t i = 0; i < count; i++) {
        text[i] = "nARK"[items[i].kind];
        cr_assert_eq(items[i].record, &answer.record[0]);
    }
    text[count] = '\0';
    cr_assert_eq(ERR_peek_error(), 0);
    return text;
}

Test(store_choice, only_dane_ta_is_an_anchor)
{
    const X509_NAME *subject = X509_get_subject_name(data.x);

    for (unsigned usage = 0; usage <= 255; usage++) {
        struct dance_wire_record r = record(data.cert, data.cert_len, (uint8_t)usage, 0, 0);
        const char *anchor = usage == 2 ? "A" : "";

        cr_assert_str_eq(chosen(r, 0, subject), anchor, "usage %u", usage);
        cr_assert_str_eq(chosen(r, OSSL_STORE_INFO_CERT, subject), anchor, "usage %u", usage);
        cr_assert_str_eq(chosen(r, OSSL_STORE_INFO_CERT, NULL), anchor, "usage %u", usage);
        cr_assert_str_eq(chosen(r, 0, NULL),
                         usage == 2  ? "nA"
                         : usage < 4 ? "nR"
                                     : "n",
                         "usage %u", usage);
    }
}

Test(store_choice, selector_and_type_must_be_those_of_full_data)
{
    for (unsigned selector = 0; selector <= 255; selector++) {
        for (unsigned type = 0; type <= 255; type++) {
            struct dance_wire_record cert =
                record(data.cert, data.cert_len, 2, (uint8_t)selector, (uint8_t)type);
            struct dance_wire_record spki =
                record(data.spki, data.spki_len, 3, (uint8_t)selector, (uint8_t)type);

            cr_assert_str_eq(chosen(cert, 0, NULL), selector == 0 && type == 0 ? "nA" : "n",
                             "2 %u %u", selector, type);
            cr_assert_str_eq(chosen(spki, 0, NULL), selector == 1 && type == 0 ? "nK" : "n",
                             "3 %u %u", selector, type);
        }
    }
}

Test(store_choice, expectations_are_honoured)
{
    static const struct {
        int expect;
        const char *anchor, *rejected, *key;
    } expected[] = {
        {0, "nA", "nR", "nK"},
        {OSSL_STORE_INFO_NAME, "n", "n", "n"},
        {OSSL_STORE_INFO_PARAMS, "", "", ""},
        {OSSL_STORE_INFO_PUBKEY, "", "", "K"},
        {OSSL_STORE_INFO_PKEY, "", "", ""},
        {OSSL_STORE_INFO_CERT, "A", "", ""},
        {OSSL_STORE_INFO_CRL, "", "", ""},
        {OSSL_STORE_INFO_CRL + 1, "", "", ""},
        {-1, "", "", ""},
    };
    const X509_NAME *subject = X509_get_subject_name(data.x);

    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        int expect = expected[i].expect;
        struct dance_wire_record cert = record(data.cert, data.cert_len, 2, 0, 0);
        struct dance_wire_record spki = record(data.spki, data.spki_len, 3, 1, 0);

        cr_assert_str_eq(chosen(cert, expect, NULL), expected[i].anchor, "expect %d", expect);
        /* A search brings certificates, whatever is expected. */
        cr_assert_str_eq(chosen(cert, expect, subject),
                         expect == 0 || expect == OSSL_STORE_INFO_CERT ? "A" : "", "expect %d",
                         expect);
        cr_assert_str_eq(chosen(spki, expect, NULL), expected[i].key, "expect %d", expect);
        cr_assert_str_eq(chosen(spki, expect, subject), "", "expect %d", expect);
        cert = record(data.cert, data.cert_len, 3, 0, 0);
        cr_assert_str_eq(chosen(cert, expect, NULL), expected[i].rejected, "expect %d", expect);
        cr_assert_str_eq(chosen(cert, expect, subject), "", "expect %d", expect);
    }
}

Test(store_choice, another_subject_is_not_found)
{
    X509_NAME *other = X509_NAME_dup(X509_get_subject_name(data.x));
    X509_NAME *empty = X509_NAME_new();
    struct dance_wire_record r = record(data.cert, data.cert_len, 2, 0, 0);

    /* Names are compared as RFC 5280, section 7.1 says: letter case does not count. */
    X509_NAME_ENTRY_free(X509_NAME_delete_entry(other, 0));
    X509_NAME_add_entry_by_NID(other, NID_commonName, MBSTRING_UTF8,
                               (const unsigned char *)"TA.Example.COM", -1, -1, 0);
    cr_assert_str_eq(chosen(r, 0, other), "A");
    X509_NAME_add_entry_by_NID(other, NID_organizationName, MBSTRING_UTF8,
                               (const unsigned char *)"x", -1, -1, 0);
    cr_assert_str_eq(chosen(r, 0, other), "");
    cr_assert_str_eq(chosen(r, 0, empty), "");
    X509_NAME_free(empty);
    X509_NAME_free(other);
}

Test(store_choice, data_that_does_not_decode_is_a_name)
{
    /* Cut off, and with something behind it (as trust settings would be). */
    for (size_t len = 0; len < data.cert_len; len += 1 + len / 8)
        cr_assert_str_eq(chosen(record(data.cert, len, 2, 0, 0), 0, NULL), "n", "%zu", len);
    cr_assert_str_eq(chosen(record(data.cert, data.cert_len + 1, 2, 0, 0), 0, NULL), "n");
    for (size_t len = 0; len < data.spki_len; len += 1 + len / 8)
        cr_assert_str_eq(chosen(record(data.spki, len, 3, 1, 0), 0, NULL), "n", "%zu", len);
    cr_assert_str_eq(chosen(record(data.spki, data.spki_len + 1, 3, 1, 0), 0, NULL), "n");
}

Test(store_choice, trust_settings_from_the_dns_are_no_certificate)
{
    uint8_t trusted[OCTETS_MAX];
    uint8_t *at = trusted + 3;
    size_t len;

    cr_assert(X509_add1_trust_object(data.x, OBJ_nid2obj(NID_anyExtendedKeyUsage)));
    len = (size_t)i2d_X509_AUX(data.x, &at);
    cr_assert_gt(len, data.cert_len);
    for (uint8_t usage = 0; usage < 4; usage++)
        cr_assert_str_eq(chosen(record(trusted, len, usage, 0, 0), 0, NULL), "n");
}

Test(store_choice, names_come_first)
{
    uint8_t second[OCTETS_MAX];
    struct dance_wire_answer answer = {.status = DANCE_WIRE_SECURE, .count = 3};
    const struct dance_store_wish wish = {0, NULL};
    struct dance_store_item items[DANCE_STORE_ITEMS_MAX];

    memcpy(second, data.cert, sizeof(second));
    answer.record[0] = record(second, data.cert_len, 0, 0, 0);
    answer.record[1] = record(data.cert, data.cert_len, 2, 0, 0);
    answer.record[2] = record(data.spki, data.spki_len, 3, 1, 0);
    cr_assert_eq(dance_store_choose(&answer, &wish, items), 6);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(items[i].kind, DANCE_STORE_NAME);
    cr_assert_eq(items[3].kind, DANCE_STORE_REJECTED);
    cr_assert_eq(items[4].kind, DANCE_STORE_ANCHOR);
    cr_assert_eq(items[5].kind, DANCE_STORE_KEY);
}

Test(store_choice, as_many_as_an_answer_can_hold)
{
    struct dance_wire_answer answer = {.status = DANCE_WIRE_SECURE,
                                       .count = DANCE_WIRE_RECORDS_MAX};
    const struct dance_store_wish wish = {0, NULL};
    struct dance_store_item items[DANCE_STORE_ITEMS_MAX];

    for (size_t i = 0; i < answer.count; i++)
        answer.record[i] = record(data.cert, data.cert_len, 2, 0, 0);
    cr_assert_eq(dance_store_choose(&answer, &wish, items), DANCE_STORE_ITEMS_MAX);
}

Test(store_choice, a_rejected_certificate_is_rejected_for_each_purpose_that_has_an_oid)
{
    static const int trusts[] = {
        X509_TRUST_DEFAULT,     X509_TRUST_SSL_CLIENT, X509_TRUST_SSL_SERVER,   X509_TRUST_EMAIL,
        X509_TRUST_OBJECT_SIGN, X509_TRUST_OCSP_SIGN,  X509_TRUST_OCSP_REQUEST, X509_TRUST_TSA};
    struct dance_wire_record r = record(data.cert, data.cert_len, 3, 0, 0);
    unsigned char *der;
    const unsigned char *at;
    size_t len = dance_store_rejected_der(&r, &der);
    X509 *x;

    cr_assert_gt(len, data.cert_len);
    at = der;
    x = d2i_X509_AUX(NULL, &at, (long)len);
    cr_assert_not_null(x);
    cr_assert_eq(X509_cmp(x, data.x), 0);
    for (size_t i = 0; i < sizeof(trusts) / sizeof(trusts[0]); i++) {
        cr_assert_eq(X509_check_trust(x, trusts[i], 0), X509_TRUST_REJECTED, "%d", trusts[i]);
        /* The same without the mark: these would be trusted, or not be decided. */
        cr_assert_neq(X509_check_trust(data.x, trusts[i], 0), X509_TRUST_REJECTED, "%d", trusts[i]);
    }
    X509_free(x);
    OPENSSL_free(der);
}

Test(store_choice, remarks)
{
    cr_assert_null(dance_store_remark(&(struct dance_wire_record){(const uint8_t *)"\3\1\1ab", 5}));
    cr_assert_str_eq(
        dance_store_remark(&(struct dance_wire_record){(const uint8_t *)"\2\0\0ab", 5}),
        "its data is no certificate that OpenSSL can read");
    cr_assert_str_eq(
        dance_store_remark(&(struct dance_wire_record){(const uint8_t *)"\3\1\0ab", 5}),
        "its data is no public key that OpenSSL can read");
    for (uint8_t usage = 0; usage < 4; usage++) {
        struct dance_wire_record r = record(data.cert, data.cert_len, usage, 0, 0);
        const char *remark = dance_store_remark(&r);

        if (usage == 2)
            cr_assert_null(remark);
        else
            cr_assert_str_eq(remark, "its certificate is no trust anchor");
    }
    cr_assert_eq(ERR_peek_error(), 0);
}
