/*
 * chain.h: the DNSSEC chain of a TLSA RRset, as it is sent and kept. Pure.
 *
 * ExtSupportLifetime (2 octets), and resource records in wire format behind it,
 * uncompressed, with nothing between them (RFC 9102): the TLSA RRset, the DNSKEY
 * and DS RRsets of each zone up to a trust anchor, what proves that a wildcard
 * was right, and the RRSIG records of all of them. The same octets stand in the
 * TLS extension, in a file, in a certificate's extension and on the wire.
 *
 * This knows where a record begins and ends, and until when its signatures
 * hold. Whether they are right is libunbound's to say.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CHAIN_H
#define DANCE_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DANCE_CHAIN_MAX 16384u  /* octets of a chain */
#define DANCE_CHAIN_LIFETIME 2u /* octets of ExtSupportLifetime */

/* A record, pointing into the chain. */
struct dance_chain_record {
    const uint8_t *owner; /* uncompressed name in wire format, the root's label included */
    size_t owner_len;     /* at most 255 (RFC 1035, section 3.1) */
    unsigned type;
    unsigned rr_class;
    uint32_t ttl; /* seconds */
    const uint8_t *rdata;
    size_t rdata_len;
};

/* Octets of the uncompressed name at the beginning of these; 0 where there is none. */
size_t dance_chain_name_len(const uint8_t *from, size_t left);

struct dance_chain_reader {
    const uint8_t *at;
    size_t left;
    bool malformed;
};

/* Begin to read; a chain that is too short or too long is malformed at once. */
void dance_chain_read(struct dance_chain_reader *reader, const uint8_t *octets, size_t len);

/* The next record; false at the end, and where what follows is none: reader->malformed says which.
 */
bool dance_chain_next(struct dance_chain_reader *reader, struct dance_chain_record *record);

/*
 * When all signatures of the chain hold: not before *from, and until *until, in
 * seconds since 1970, read as the serial numbers that they are (RFC 4034,
 * section 3.1.5), around now. false: malformed, or there is no signature.
 */
bool dance_chain_window(const uint8_t *octets, size_t len, int64_t now, int64_t *from,
                        int64_t *until);

#endif
