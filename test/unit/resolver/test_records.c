/* The records of a chain within their bounds, and as text. Copyright the dance authors.
 * SPDX-License-Identifier: Apache-2.0 */
#include "worker/chain/keys.h"
#include "worker/chain/records.h"
#include "worker/chain/text.h"
#include "worker/chain/wire_name.h"

#include "forged.h"

static struct octets chain;
static struct records records;
static struct text text;
static struct forged_key root, com, other;

static void set_up(void)
{
    root = make_key();
    com = make_key();
    other = make_key();
    begin_chain(&chain);
}

static void tear_down(void)
{
    EVP_PKEY_free(root.key);
    EVP_PKEY_free(com.key);
    EVP_PKEY_free(other.key);
}

TestSuite(records, .init = set_up, .fini = tear_down);

static const char *read_chain(void)
{
    return records_read(&records, chain.at, chain.len, time(NULL));
}

#define FAULT(TEXT) cr_assert_str_eq(read_chain(), TEXT)

/* RDATA of an RRSIG over a type, by a zone; the signature itself is nobody's. */
static size_t rrsig(uint8_t *out, unsigned covered, const char *zone)
{
    struct octets o = {.len = 0};
    uint32_t now = (uint32_t)time(NULL);

    put(&o, covered, 2);
    put(&o, P256 << 8 | 9, 2); /* labels: no wildcard */
    put(&o, 300, 4);
    put(&o, now + 100, 4);
    put(&o, now - 100, 4);
    put(&o, 1, 2);
    (void)put_name(&o, zone);
    put(&o, 0xab, 1);
    memcpy(out, o.at, o.len);
    return o.len;
}

static void sign(const char *owner, unsigned covered, const char *zone)
{
    uint8_t rdata[300];

    put_record(&chain, owner, RRSIG, rdata, rrsig(rdata, covered, zone));
}

static void ordinary(void)
{
    put_tlsa(&chain, "a.com.", "com.", &com);
    put_keys(&chain, "com.", &com);
    put_delegation(&chain, "com.", &com, ".", &root);
    put_keys(&chain, ".", &root);
}

Test(records, zones_and_ttl)
{
    ordinary();
    cr_assert_null(read_chain());
    cr_assert_eq(records.count, 8);
    cr_assert_eq(records.zones, 2);
    cr_assert_eq(records.zone[0].apex_len, 5);
    cr_assert(records.zone[0].delegated && records.zone[0].parent == 1);
    cr_assert(!records.zone[1].delegated);
    cr_assert_eq(records.ttl, 300);
    cr_assert_eq(wire_name_labels(records.zone[0].apex), 1);
}

/* The TTL of the chain is the least of all that it says, the signatures' ends included. */
Test(records, least_ttl)
{
    ordinary();
    forged.ttl = 77;
    put_tlsa(&chain, "b.com.", "com.", &com);
    cr_assert_null(read_chain());
    cr_assert_eq(records.ttl, 77);
    forged.ttl = 300;
    forged.ends = 50;
    put_tlsa(&chain, "c.com.", "com.", &com);
    cr_assert_null(read_chain());
    cr_assert(records.ttl <= 50 && records.ttl >= 45);
}

Test(records, a_ttl_beyond_its_bound_is_none)
{
    forged.ttl = 0x80000000u;
    ordinary();
    cr_assert_null(read_chain());
    cr_assert_eq(records.ttl, 0);
}

Test(records, moments)
{
    forged.ends = -1;
    ordinary();
    FAULT("a signature has ended");
    begin_chain(&chain);
    forged.ends = 3600;
    forged.begins = 60;
    ordinary();
    FAULT("a signature has not begun to hold");
}

Test(records, malformed)
{
    FAULT("it is malformed");
    ordinary();
    for (size_t len = 0; len < chain.len; len++) {
        const char *fault = records_read(&records, chain.at, len, time(NULL));

        /* Between two RRsets it is a chain that proves nothing; libunbound says so. */
        cr_assert(fault != NULL || records.count < 8, "%zu", len);
    }
    chain.len += DANCE_CHAIN_MAX;
    FAULT("it is malformed");
}

Test(records, twice_is_once)
{
    size_t len;

    ordinary();
    len = chain.len - DANCE_CHAIN_LIFETIME;
    put_octets(&chain, chain.at + DANCE_CHAIN_LIFETIME, len);
    cr_assert_null(read_chain());
    cr_assert_eq(records.count, 8);
}

Test(records, signed_or_not)
{
    put_record(&chain, "a.com.", TLSA, forged_tlsa, sizeof(forged_tlsa));
    FAULT("a record is not signed");
    sign("a.com.", CNAME, "com.");
    FAULT("a signature is there without its record");
    begin_chain(&chain);
    put_record(&chain, "a.com.", TLSA, forged_tlsa, sizeof(forged_tlsa));
    sign("a.com.", TLSA, "com.");
    cr_assert_null(read_chain());
    sign("a.com.", TLSA, ".");
    FAULT("a record is signed by two zones");
    begin_chain(&chain);
    put_record(&chain, "a.com.", TLSA, forged_tlsa, sizeof(forged_tlsa));
    sign("a.com.", TLSA, "b.com.");
    FAULT("a record is signed by a zone that it is not in");
}

Test(records, case_is_no_difference)
{
    put_record(&chain, "A.cOm.", TLSA, forged_tlsa, sizeof(forged_tlsa));
    sign("a.com.", TLSA, "Com.");
    cr_assert_null(read_chain());
    text_clear(&text);
    text_add_zone(&text, &records, 0);
    cr_assert_not_null(strstr(text.octets, "\na.com. 300 IN TYPE52 \\# 9 0301017265636f7264\n"));
}

Test(records, places)
{
    put_record(&chain, "a.com.", DNSKEY, com.rdata, sizeof(com.rdata));
    sign("a.com.", DNSKEY, "com.");
    FAULT("a zone's keys are signed by another");
    begin_chain(&chain);
    put_delegation(&chain, "com.", &com, "com.", &com);
    FAULT("a DS record is signed by the zone that it is for");
    begin_chain(&chain);
    put_delegation(&chain, "*.com.", &com, "com.", &com);
    FAULT("a zone's DNSKEY or DS record is of a wildcard");
    begin_chain(&chain);
    forged.labels = 1;
    put_delegation(&chain, "a.com.", &com, "com.", &com);
    FAULT("a zone's DNSKEY or DS record is of a wildcard");
}

static void put_type(unsigned type, const void *rdata, size_t len)
{
    begin_chain(&chain);
    put_record(&chain, "com.", type, rdata, len);
    sign("com.", type, "com.");
}

Test(records, types)
{
    static const uint8_t name[] = {1, 'x', 0, 0};
    static const uint8_t pointer[] = {0xc0, 2};
    static const uint8_t nsec3[] = {1, 0, 0, 0, 0, 1, 'x'};
    static const uint8_t slow[] = {1, 0, 0, 151, 0, 1, 'x'};
    static const uint8_t salt[] = {1, 0, 0, 0, 3, 'x', 'x'};

    put_type(1, "abcd", 4);
    FAULT("a record is of a type that has no place there");
    put_type(TLSA, "abc", 3);
    FAULT("a TLSA record is malformed");
    put_type(DS, "abcd", 4);
    FAULT("a DS record is malformed");
    put_type(CNAME, name, 3);
    cr_assert_null(read_chain());
    put_type(CNAME, name, 4);
    FAULT("an alias is malformed");
    put_type(DNAME, pointer, 2);
    FAULT("an alias is malformed");
    put_type(NSEC, name, 4);
    cr_assert_null(read_chain());
    put_type(NSEC, pointer, 2);
    FAULT("an NSEC record is malformed");
    put_type(NSEC3, nsec3, sizeof(nsec3));
    cr_assert_null(read_chain());
    put_type(NSEC3, slow, sizeof(slow));
    FAULT("an NSEC3 record has too many iterations");
    put_type(NSEC3, salt, sizeof(salt));
    FAULT("an NSEC3 record is malformed");
    put_type(RRSIG, name, sizeof(name));
    FAULT("a signature is malformed");
}

Test(records, another_class)
{
    ordinary();
    chain.at[DANCE_CHAIN_LIFETIME + 7 + 3] = 3;
    FAULT("a record is of another class than IN");
}

Test(records, nsec3_parameters)
{
    static const uint8_t one[] = {1, 0, 0, 1, 2, 's', 'a', 1, 'x'};
    static const uint8_t opted_out[] = {1, 1, 0, 1, 2, 's', 'a', 1, 'y'};
    static const uint8_t other_salt[] = {1, 0, 0, 1, 2, 's', 'b', 1, 'z'};

    put_record(&chain, "1.com.", NSEC3, one, sizeof(one));
    sign("1.com.", NSEC3, "com.");
    put_record(&chain, "2.com.", NSEC3, opted_out, sizeof(opted_out));
    sign("2.com.", NSEC3, "com.");
    cr_assert_null(read_chain());
    text_clear(&text);
    text_add_zone(&text, &records, 0);
    cr_assert_not_null(strstr(text.octets, "\ncom. 0 IN TYPE51 \\# 7 01000001027361\n"));
    put_record(&chain, "3.com.", NSEC3, other_salt, sizeof(other_salt));
    sign("3.com.", NSEC3, "com.");
    FAULT("the NSEC3 records of a zone differ in their parameters");
}

Test(records, a_cname_of_a_dname)
{
    static const uint8_t target[] = {1, 'x', 0};

    put_record(&chain, "a.d.com.", CNAME, target, sizeof(target));
    FAULT("a record is not signed");
    put_record(&chain, "d.com.", DNAME, target, sizeof(target));
    sign("d.com.", DNAME, "com.");
    cr_assert_null(read_chain());
    cr_assert_eq(records.count, 2, "it is made anew");
}

Test(records, bounds)
{
    char name[32];

    for (int i = 0; i < 16; i++) {
        (void)snprintf(name, sizeof(name), "n%d.com.", i);
        put_record(&chain, name, TLSA, forged_tlsa, sizeof(forged_tlsa));
        sign(name, TLSA, "com.");
    }
    cr_assert_null(read_chain());
    put_delegation(&chain, "z.com.", &other, "com.", &com);
    cr_assert_null(read_chain());
    put_tlsa(&chain, "n16.com.", "com.", &com);
    FAULT("it has too many signatures");
    begin_chain(&chain);
    for (int i = 0; i < 48; i++) {
        (void)snprintf(name, sizeof(name), "n%d.com.", i);
        put_record(&chain, name, DS, com.rdata, sizeof(com.rdata));
        sign(name, DS, "com.");
    }
    cr_assert_null(read_chain());
    put_delegation(&chain, "z.com.", &other, "com.", &com);
    FAULT("it has too many signatures");
    begin_chain(&chain);
    for (unsigned i = 0; i <= RECORDS_MAX; i++) {
        uint8_t rdata[] = {3, 1, 1, (uint8_t)i, 0};

        put_record(&chain, "a.com.", TLSA, rdata, sizeof(rdata));
    }
    FAULT("it has too many records");
    begin_chain(&chain);
    for (int i = 0; i < 13; i++) {
        (void)snprintf(name, sizeof(name), "n%d.com.", i);
        put_record(&chain, name, NSEC, "\0\0", 2);
    }
    FAULT("it has too many records");
    begin_chain(&chain);
    for (unsigned i = 0; i <= RECORDS_ZONES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "z%u.com.", i);
        put_record(&chain, name, DNSKEY, com.rdata, sizeof(com.rdata));
        sign(name, DNSKEY, name);
    }
    FAULT("it has too many zones");
}

Test(records, signatures_of_an_rrset)
{
    uint8_t rdata[300];
    size_t len = rrsig(rdata, TLSA, "com.");

    put_record(&chain, "a.com.", TLSA, forged_tlsa, sizeof(forged_tlsa));
    for (uint8_t i = 0; i < 8; i++) {
        rdata[len - 1] = i;
        put_record(&chain, "a.com.", RRSIG, rdata, len);
    }
    cr_assert_null(read_chain());
    rdata[len - 1] = 8;
    put_record(&chain, "a.com.", RRSIG, rdata, len);
    FAULT("a record has too many signatures");
}

/* At the name that was asked for, signed for a wildcard. */
Test(records, expanded_wildcards)
{
    forged.labels = 1;
    put_tlsa(&chain, "a.b.com.", "com.", &com);
    cr_assert_null(read_chain());
    text_clear(&text);
    text_add_zone(&text, &records, 0);
    cr_assert_not_null(strstr(text.octets, "\n*.com. 300 IN TYPE52 "));
    cr_assert_not_null(strstr(text.octets, "\n*.com. 300 IN TYPE46 "));
    cr_assert_null(strstr(text.octets, "a.b.com."));
    forged.labels = 0;
    begin_chain(&chain);
    put_tlsa(&chain, "a.b.com.", ".", &com);
    cr_assert_null(read_chain());
    text_clear(&text);
    text_add_zone(&text, &records, 0);
    cr_assert_not_null(strstr(text.octets, "\n*. 300 IN TYPE52 "));
    forged.labels = 1;
    put_tlsa(&chain, "a.b.com.", ".", &com);
    FAULT("the signatures of a record are for different wildcards");
}

/* Two octets apart by 16 bits' worth are the same sum. */
Test(records, colliding_keys)
{
    uint8_t key[sizeof(com.rdata)];

    put_record(&chain, "com.", DNSKEY, com.rdata, sizeof(com.rdata));
    memcpy(key, com.rdata, sizeof(key));
    memcpy(key + 4, com.rdata + 6, 2);
    memcpy(key + 6, com.rdata + 4, 2);
    key[3] = 14; /* of another algorithm its signatures are never meant */
    put_record(&chain, "com.", DNSKEY, key, sizeof(key));
    sign("com.", DNSKEY, "com.");
    cr_assert_null(read_chain());
    key[3] = P256;
    put_record(&chain, "com.", DNSKEY, key, sizeof(key));
    FAULT("two keys of a zone have the same tag");
}

Test(records, too_many_keys)
{
    uint8_t key[] = {1, 1, 3, P256, 0, 0};

    for (uint8_t i = 0; i <= KEYS_MAX; i++) {
        key[5] = i;
        put_record(&chain, "com.", DNSKEY, key, sizeof(key));
    }
    sign("com.", DNSKEY, "com.");
    FAULT("a zone has too many keys");
}

static const char *rsa(size_t exponent, size_t modulus, bool long_form)
{
    uint8_t rdata[3000] = {1, 1, 3, 8};
    size_t at = 4;

    if (long_form) {
        rdata[at++] = 0;
        rdata[at++] = (uint8_t)(exponent >> 8);
    }
    rdata[at++] = (uint8_t)exponent;
    return keys_fault(rdata, at + exponent + modulus);
}

Test(records, sizes_of_keys)
{
    cr_assert_null(rsa(3, 512, false));
    cr_assert_null(rsa(5, 256, true));
    cr_assert_str_eq(rsa(3, 513, false), "a key is too large");
    cr_assert_str_eq(rsa(3, 2048, false), "a key is too large");
    cr_assert_str_eq(rsa(6, 256, false), "a key is too large");
    cr_assert_str_eq(rsa(512, 512, true), "a key is too large");
    cr_assert_str_eq(rsa(3, 0, false), "a key is malformed");
    cr_assert_str_eq(rsa(0, 256, true), "a key is malformed");
    cr_assert_str_eq(keys_fault((const uint8_t *)"\1\1\3\10", 4), "a key is malformed");
}

/* Nothing in a name is read as anything but octets. */
Test(records, names_as_text)
{
    static const uint8_t name[] = {8,    '$', 'I', ' ', '\n', '.', '"', ';',
                                   '\\', 1,   '*', 3,   'A',  '-', '_', 0};
    static const uint8_t top[] = {0};

    text_clear(&text);
    text_add_name(&text, name);
    cr_assert_str_eq(text.octets, "\\036i\\032\\010\\046\\034\\059\\092.\\042.a-_.");
    text_clear(&text);
    text_add_name(&text, top);
    cr_assert_str_eq(text.octets, ".");
}

Test(records, text_that_does_not_fit)
{
    static const uint8_t rdata[65535];

    text_clear(&text);
    text_add_record(&text, 0, TLSA, rdata, 60000);
    cr_assert(!text.full);
    text_add_record(&text, 0, TLSA, rdata, 60000);
    cr_assert(text.full);
    text_add(&text, "%s", "more");
    cr_assert(text.full && text.octets[text.len] == '\0');
}
