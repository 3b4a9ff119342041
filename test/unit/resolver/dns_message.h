/*
 * dns_message.h: a DNS message of a test's, octet by octet.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_TEST_DNS_MESSAGE_H
#define DANCE_TEST_DNS_MESSAGE_H

#include <stdint.h>
#include <string.h>

#define A 1
#define NS 2
#define CNAME 5
#define SOA 6
#define DNAME 39
#define DS 43
#define RRSIG 46
#define NSEC 47
#define DNSKEY 48
#define TLSA 52

#define QUESTION 12 /* where the name stands that was asked for */

static uint8_t message[40000];
static int used;

static inline void put(unsigned long value, int octets)
{
    while (octets-- > 0)
        message[used++] = (uint8_t)(value >> (8 * octets));
}

static inline void put_octets(const void *octets, size_t len)
{
    memcpy(message + used, octets, len);
    used += (int)len;
}

/* A response to a question for TLSA at a name in wire format, with so many records to come. */
static inline void begin_message(unsigned flags, const char *name, unsigned answer,
                                 unsigned authority)
{
    used = 0;
    put(0x1234, 2);
    put(flags, 2);
    put(1, 2);
    put(answer, 2);
    put(authority, 2);
    put(0, 2);
    put_octets(name, strlen(name) + 1);
    put(TLSA, 2);
    put(1, 2);
}

/* A record but for its data; its owner's name is that which stands at owner. */
static inline void put_head(int owner, unsigned type, unsigned ttl, unsigned length)
{
    put(0xc000U | (unsigned)owner, 2);
    put(type, 2);
    put(1, 2);
    put(ttl, 4);
    put(length, 2);
}

#endif
