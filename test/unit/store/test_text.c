/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "reasons.h"
#include "store/text.h"

#include <criterion/criterion.h>
#include <openssl/crypto.h>

static struct dance_wire_record record(const char *rdata, size_t len)
{
    return (struct dance_wire_record){(const uint8_t *)rdata, len};
}

static void name_is(const char *rdata, size_t len, const char *expected)
{
    struct dance_wire_record r = record(rdata, len);
    char *name = dance_store_text_name("a.example", &r);

    cr_assert_str_eq(name, expected);
    OPENSSL_free(name);
}

Test(store_text, the_name_is_the_whole_record)
{
    name_is("\3\1\1\x00\xab\xff", 6, "a.example TLSA 3 1 1 00abff");
    name_is("\xff\xff\xff\x01", 4, "a.example TLSA 255 255 255 01");
    name_is("\3\1\1", 3, "a.example TLSA 3 1 1 ");
}

Test(store_text, the_longest_record_is_whole)
{
    static uint8_t rdata[0xffff];
    struct dance_wire_record r = {rdata, sizeof(rdata)};
    char *name = dance_store_text_name("a.example", &r);

    cr_assert_eq(strlen(name), strlen("a.example TLSA 0 0 0 ") + 2 * (sizeof(rdata) - 3));
    OPENSSL_free(name);
}

static void meaning_is(const char *rdata, uint32_t ttl, const char *remark, const char *expected)
{
    struct dance_wire_record r = record(rdata, 3);
    char text[256];

    dance_store_text_meaning(text, sizeof(text), &r, ttl, remark);
    cr_assert_str_eq(text, expected);
}

Test(store_text, the_meaning_has_the_acronyms_of_rfc_7218)
{
    meaning_is("\0\0\0", 60, NULL, "PKIX-TA Cert Full, TTL 60 s");
    meaning_is("\1\1\1", 0, NULL, "PKIX-EE SPKI SHA2-256, TTL 0 s");
    meaning_is("\2\0\2", 4294967295u, NULL, "DANE-TA Cert SHA2-512, TTL 4294967295 s");
    meaning_is("\3\1\0", 1, "a remark", "DANE-EE SPKI Full, TTL 1 s; a remark");
    meaning_is("\xff\xff\xff", 1, NULL, "PrivCert PrivSel PrivMatch, TTL 1 s");
    meaning_is("\4\2\3", 1, NULL, "unassigned unassigned unassigned, TTL 1 s");
}

Test(reasons, each_status_has_its_reason)
{
    cr_assert_eq(dance_reason_of_status(DANCE_WIRE_ABSENT), DANCE_R_TLSA_ABSENT);
    cr_assert_eq(dance_reason_of_status(DANCE_WIRE_INSECURE), DANCE_R_TLSA_INSECURE);
    cr_assert_eq(dance_reason_of_status(DANCE_WIRE_BOGUS), DANCE_R_TLSA_BOGUS);
    cr_assert_eq(dance_reason_of_status(DANCE_WIRE_FAILED), DANCE_R_TLSA_FAILED);
    cr_assert_eq(dance_reason_of_status(DANCE_WIRE_BUSY), DANCE_R_TLSA_BUSY);
}
