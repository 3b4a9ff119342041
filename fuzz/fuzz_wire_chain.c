/*
 * fuzz_wire_chain.c: both sides of what is said of chains, from hostile octets.
 *
 * What is accepted lies within the message and its bounds, and encodes to the
 * same octets.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "dance_wire_chain.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[DANCE_WIRE_CHAIN_SIZE_MAX];

static void same(const uint8_t *data, size_t size, size_t len)
{
    if (len != size || memcmp(again, data, size) != 0)
        abort();
}

static void within(const uint8_t *data, size_t size, const void *from, size_t len)
{
    const uint8_t *p = from;

    if (p < data || len > size || p > data + size - len)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dance_wire_chain c;
    struct dance_wire_query q;
    struct dance_wire_collected done;

    if (dance_wire_decode_chain(data, size, &c)) {
        within(data, size, c.chain, c.chain_len);
        within(data, size, c.query.name, c.query.name_len);
        same(data, size, dance_wire_encode_chain(&c, again, sizeof(again)));
    }
    if (dance_wire_decode_collect(data, size, &q)) {
        within(data, size, q.name, q.name_len);
        same(data, size, dance_wire_encode_collect(&q, again, sizeof(again)));
    }
    if (dance_wire_decode_collected(data, size, &done)) {
        within(data, size, done.reason, done.reason_len);
        within(data, size, done.chain, done.chain_len);
        same(data, size, dance_wire_encode_collected(&done, again, sizeof(again)));
    }
    return 0;
}
