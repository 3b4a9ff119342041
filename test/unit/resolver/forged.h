/*
 * forged.h: chains of zones of our own, signed with P-256, one key a zone and one record an RRset.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_TEST_FORGED_H
#define DANCE_TEST_FORGED_H

#include "chain.h"

#include <criterion/criterion.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define DS 43
#define RRSIG 46
#define NSEC 47
#define DNSKEY 48
#define NSEC3 50
#define TLSA 52
#define CNAME 5
#define DNAME 39
#define P256 13

struct octets {
    uint8_t at[4 * DANCE_CHAIN_MAX];
    size_t len;
};

struct forged_key {
    EVP_PKEY *key;
    uint8_t rdata[4 + 64];
    unsigned tag;
};

/* How what follows is signed; set what is to be otherwise. */
static struct {
    long begins, ends; /* seconds from now */
    uint32_t ttl;
    bool spoil; /* the signature is wrong */
    int labels; /* -1: as many as the name has */
} forged = {-3600, 3600, 300, false, -1};

static const uint8_t forged_tlsa[] = {3, 1, 1, 'r', 'e', 'c', 'o', 'r', 'd'};

static inline void put(struct octets *o, unsigned long value, size_t octets)
{
    cr_assert(o->len + octets <= sizeof(o->at));
    while (octets-- > 0)
        o->at[o->len++] = (uint8_t)(value >> (8 * octets));
}

static inline void put_octets(struct octets *o, const void *from, size_t len)
{
    cr_assert(o->len + len <= sizeof(o->at));
    memcpy(o->at + o->len, from, len);
    o->len += len;
}

/* A name in lower case with its trailing dot; the labels that it has. */
static inline int put_name(struct octets *o, const char *name)
{
    int labels = 0;

    while (*name != '\0' && *name != '.') {
        size_t len = strcspn(name, ".");

        put(o, len, 1);
        put_octets(o, name, len);
        name += len + 1;
        labels++;
    }
    put(o, 0, 1);
    return labels;
}

static inline void put_record(struct octets *o, const char *owner, unsigned type, const void *rdata,
                              size_t len)
{
    (void)put_name(o, owner);
    put(o, type, 2);
    put(o, 1, 2);
    put(o, forged.ttl, 4);
    put(o, len, 2);
    put_octets(o, rdata, len);
}

static inline void begin_chain(struct octets *o)
{
    o->len = 0;
    put(o, 0, DANCE_CHAIN_LIFETIME);
}

static inline struct forged_key make_key(void)
{
    struct forged_key k = {EVP_EC_gen("P-256"), {1, 1, 3, P256}, 0};
    uint8_t point[65];
    size_t len = 0;
    uint32_t sum = 0;

    cr_assert_eq(EVP_PKEY_get_octet_string_param(k.key, "pub", point, sizeof(point), &len), 1);
    cr_assert_eq(len, sizeof(point));
    memcpy(k.rdata + 4, point + 1, 64);
    for (size_t i = 0; i < sizeof(k.rdata); i++)
        sum += i % 2 == 0 ? (uint32_t)k.rdata[i] << 8 : k.rdata[i];
    k.tag = (sum + (sum >> 16)) & 0xffff;
    return k;
}

/* As DNSSEC has it: two numbers of 32 octets. */
static inline void put_ecdsa(struct octets *o, EVP_PKEY *key, const struct octets *data)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t der[128];
    uint8_t raw[64];
    const uint8_t *at = der;
    size_t len = sizeof(der);
    ECDSA_SIG *signature;

    cr_assert_eq(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
    cr_assert_eq(EVP_DigestSign(context, der, &len, data->at, data->len), 1);
    EVP_MD_CTX_free(context);
    signature = d2i_ECDSA_SIG(NULL, &at, (long)len);
    cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, 32), 32);
    cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + 32, 32), 32);
    ECDSA_SIG_free(signature);
    raw[63] ^= forged.spoil;
    put_octets(o, raw, sizeof(raw));
}

/* A record at owner, as the chain has it, signed as if it were at signed_owner (a wildcard). */
static inline void put_signed(struct octets *o, const char *owner, const char *signed_owner,
                              unsigned type, const void *rdata, size_t len, const char *zone,
                              const struct forged_key *key)
{
    static struct octets data, signature;
    uint32_t now = (uint32_t)time(NULL);
    struct octets scratch = {.len = 0};
    int labels = put_name(&scratch, signed_owner) - (signed_owner[0] == '*');

    signature.len = 0;
    put(&signature, type, 2);
    put(&signature, P256, 1);
    put(&signature, (unsigned)(forged.labels >= 0 ? forged.labels : labels), 1);
    put(&signature, forged.ttl, 4);
    put(&signature, now + (uint32_t)forged.ends, 4);
    put(&signature, now + (uint32_t)forged.begins, 4);
    put(&signature, key->tag, 2);
    (void)put_name(&signature, zone);
    data = signature;
    put_record(&data, signed_owner, type, rdata, len);
    put_ecdsa(&signature, key->key, &data);
    put_record(o, owner, type, rdata, len);
    put_record(o, owner, RRSIG, signature.at, signature.len);
}

static inline void put_keys(struct octets *o, const char *zone, const struct forged_key *key)
{
    put_signed(o, zone, zone, DNSKEY, key->rdata, sizeof(key->rdata), zone, key);
}

/* The DS record's RDATA; 36 octets. */
static inline void digest_key(struct octets *o, const char *zone, const struct forged_key *key)
{
    static struct octets data;
    uint8_t digest[32];
    unsigned len = 0;

    data.len = 0;
    (void)put_name(&data, zone);
    put_octets(&data, key->rdata, sizeof(key->rdata));
    cr_assert_eq(EVP_Digest(data.at, data.len, digest, &len, EVP_sha256(), NULL), 1);
    put(o, key->tag, 2);
    put(o, P256, 1);
    put(o, 2, 1);
    put_octets(o, digest, sizeof(digest));
}

static inline void put_delegation(struct octets *o, const char *child,
                                  const struct forged_key *child_key, const char *zone,
                                  const struct forged_key *key)
{
    static struct octets ds;

    ds.len = 0;
    digest_key(&ds, child, child_key);
    put_signed(o, child, child, DS, ds.at, ds.len, zone, key);
}

static inline void put_tlsa(struct octets *o, const char *owner, const char *zone,
                            const struct forged_key *key)
{
    put_signed(o, owner, owner, TLSA, forged_tlsa, sizeof(forged_tlsa), zone, key);
}

/* The root's anchor as a file has it. */
static inline size_t anchor_text(char *out, size_t size, const char *zone,
                                 const struct forged_key *key)
{
    struct octets ds = {.len = 0};
    int n;

    digest_key(&ds, zone, key);
    n = snprintf(out, size, "%s IN DS %u 13 2 ", zone, key->tag);
    for (size_t i = 4; i < ds.len; i++)
        n += snprintf(out + n, size - (size_t)n, "%02x", ds.at[i]);
    n += snprintf(out + n, size - (size_t)n, "\n");
    return (size_t)n;
}

#endif
