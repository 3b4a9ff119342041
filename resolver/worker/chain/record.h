/*
 * record.h: what is known of the records of a chain, and of their zones.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CHAIN_RECORD_H
#define DANCE_CHAIN_RECORD_H

#include "chain.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORDS_MAX 160u
#define RECORDS_ZONES_MAX 16u

#define RECORDS_NSEC3_FIXED 5u /* octets of RDATA before the salt (RFC 5155, section 3.2) */

#define RECORDS_TYPE_CNAME 5u
#define RECORDS_TYPE_DNAME 39u
#define RECORDS_TYPE_DS 43u
#define RECORDS_TYPE_RRSIG 46u
#define RECORDS_TYPE_NSEC 47u
#define RECORDS_TYPE_DNSKEY 48u
#define RECORDS_TYPE_NSEC3 50u
#define RECORDS_TYPE_TLSA 52u

struct record {
    struct dance_chain_record is; /* points into the chain */
    unsigned covers;              /* its type, or of an RRSIG the type that it covers */
    const uint8_t *signer; /* of an RRSIG; of others that of their RRset's; NULL: not signed */
    size_t signer_len;
    uint32_t ttl; /* the least of its RRset's, its signatures' included */
    /* Where the name begins below whose wildcard it is, as the answers of servers have them: at the
     * name that was asked for. NULL: it is at its owner. */
    const uint8_t *wildcard;
    size_t zone; /* of struct records */
};

struct record_zone {
    const uint8_t *apex;
    size_t apex_len;
    const struct record *nsec3; /* one of its NSEC3 records, or NULL */
    bool delegated;             /* its DS RRset is there, */
    size_t parent;              /* and in this zone, which has fewer labels */
    bool proved;                /* its DS records hold (for check.c) */
    bool unneeded;              /* nothing in it is looked for (likewise) */
};

struct records {
    struct record record[RECORDS_MAX];
    size_t count;
    struct record_zone zone[RECORDS_ZONES_MAX];
    size_t zones;
    uint32_t ttl; /* seconds for which all of it is good */
};

/* It is of the way from an anchor to a zone, or a signature of such a record. */
static inline bool records_of_delegation(const struct record *r)
{
    return r->covers == RECORDS_TYPE_DNSKEY || r->covers == RECORDS_TYPE_DS;
}

#endif
