/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "tlsa.h"

#include "client/load.h"
#include "update.h"
#include "zone_text.h"

#include <criterion/criterion.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

static EVP_PKEY *key;
static X509 *certificate;
static struct dance_wire_record record;

static void make(void)
{
    key = EVP_EC_gen("P-256");
    cr_assert_not_null(key);
    certificate = dance_credential_self_signed(key, "a.example.com", NULL);
    cr_assert_not_null(certificate);
}

static void discard(void)
{
    EVP_PKEY_free(key);
    X509_free(certificate);
    tlsa_free(&record);
    cr_assert_null(record.rdata);
}

/* The record has this kind, and so many octets of data (0: some). */
static void is_made(struct tlsa_kind kind, EVP_PKEY *of, const X509 *or_of, size_t len)
{
    const unsigned char numbers[] = {kind.usage, kind.selector, kind.matching_type};

    tlsa_free(&record);
    cr_assert_null(tlsa_make(&kind, of, or_of, &record));
    cr_assert_arr_eq(record.rdata, numbers, 3);
    if (len > 0)
        cr_assert_eq(record.len, 3 + len);
}

Test(tlsa, each_kind, .init = make, .fini = discard)
{
    static const size_t lens[] = {0, 32, 64};
    unsigned char digest[32];
    unsigned char *der = NULL;
    int len;

    for (uint8_t usage = 0; usage < 4; usage++) {
        for (uint8_t matching = 0; matching < 3; matching++) {
            is_made((struct tlsa_kind){usage, 0, matching}, NULL, certificate, lens[matching]);
            is_made((struct tlsa_kind){usage, 1, matching}, NULL, certificate, lens[matching]);
            is_made((struct tlsa_kind){usage, 1, matching}, key, NULL, lens[matching]);
        }
    }
    /* By the key or by its certificate, it is the same, and the digest is that of its DER. */
    is_made((struct tlsa_kind){3, 1, 1}, NULL, certificate, 32);
    len = i2d_PUBKEY(key, &der);
    cr_assert_gt(len, 0);
    cr_assert(EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL));
    cr_assert_arr_eq(record.rdata + 3, digest, sizeof(digest));
    is_made((struct tlsa_kind){3, 1, 0}, key, NULL, (size_t)len);
    cr_assert_arr_eq(record.rdata + 3, der, (size_t)len);
    OPENSSL_free(der);
}

Test(tlsa, a_key_is_no_certificate, .init = make, .fini = discard)
{
    cr_assert_not_null(tlsa_make(&(struct tlsa_kind){3, 0, 1}, key, NULL, &record));
    cr_assert_null(record.rdata);
}

Test(tlsa, as_text)
{
    static const uint8_t rdata[] = {3, 1, 1, 0x00, 0xab, 0xff};
    const struct dance_wire_record some = {rdata, sizeof(rdata)};
    char *text = zone_text("a.example", 4294967295u, &some);

    cr_assert_str_eq(text, "a.example. 4294967295 IN TLSA 3 1 1 00abff");
    OPENSSL_free(text);
    text = update_text(NULL, "a.example", 60, &some);
    cr_assert_str_eq(text, "update add a.example. 60 IN TLSA 3 1 1 00abff\nsend\n");
    OPENSSL_free(text);
    text = update_text("ns.example.com", "a.example", 0, &some);
    cr_assert_str_eq(text, "server ns.example.com\n"
                           "update add a.example. 0 IN TLSA 3 1 1 00abff\nsend\n");
    OPENSSL_free(text);
    text = update_text("::1@5353", "a.example", 60, &some);
    cr_assert_str_eq(text, "server ::1 5353\n"
                           "update add a.example. 60 IN TLSA 3 1 1 00abff\nsend\n");
    OPENSSL_free(text);
}

Test(tlsa, servers)
{
    static const char *const good[] = {"ns1.example.com",  "192.0.2.1",    "192.0.2.1@53",
                                       "2001:db8::1@5353", "fe80::1%eth0", "n_s.example."};
    static const char *const bad[] = {"",       "@53",       "ns@",   "ns@x",
                                      "ns@5 3", "ns@123456", "ns 53", "ns\nupdate",
                                      "ns;",    "ns@53\n",   "n\"s",  "ns@53@54"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_assert_null(update_server_fault(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_not_null(update_server_fault(bad[i]), "%s", bad[i]);
}

Test(tlsa, fits_a_key, .init = make, .fini = discard)
{
    EVP_PKEY *other = EVP_EC_gen("P-256");

    for (uint8_t usage = 0; usage < 5; usage++) {
        for (uint8_t matching = 0; matching < 3; matching++) {
            struct dance_wire_record of_key;

            is_made((struct tlsa_kind){usage, 1, matching}, key, NULL, 0);
            of_key = record;
            cr_assert_eq(tlsa_fits(&of_key, key), usage == 1 || usage == 3);
            cr_assert_not(tlsa_fits(&of_key, other));
            of_key.len--;
            cr_assert_not(tlsa_fits(&of_key, key));
            of_key.len = 2;
            cr_assert_not(tlsa_fits(&of_key, key));
        }
    }
    is_made((struct tlsa_kind){3, 0, 1}, NULL, certificate, 32);
    cr_assert_not(tlsa_fits(&record, key));
    EVP_PKEY_free(other);
}

Test(update, removal_names_the_record_alone, .init = make, .fini = discard)
{
    const struct dance_wire_record one = {(const uint8_t *)"\3\1\1\xab", 4};
    char *text = update_removal("ns@5353", "a.example.com", &one);

    cr_assert_str_eq(text, "server ns 5353\nupdate delete a.example.com. IN TLSA 3 1 1 ab\nsend\n");
    OPENSSL_free(text);
    text = update_removal(NULL, "a.example.com", &one);
    cr_assert_str_eq(text, "update delete a.example.com. IN TLSA 3 1 1 ab\nsend\n");
    OPENSSL_free(text);
}
