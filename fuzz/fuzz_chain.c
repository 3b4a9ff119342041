/*
 * fuzz_chain.c: a DNSSEC chain as a client may send it.
 *
 * The records that are found lie behind one another and fill the chain, or it is
 * malformed, and each name in them is one. The window is not wider than any
 * signature's, as it is read here once more, and what is malformed has none.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "chain.h"

#include <stdlib.h>

#define NOW 1700000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t number(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

/* The labels of a name end with the root's, where the name ends. */
static void check_name(const uint8_t *name, size_t len)
{
    size_t at = 0;

    while (at < len && name[at] != 0)
        at += 1u + name[at];
    if (len > 255 || at + 1 != len)
        abort();
}

/* from and until, unless they are of nothing, are within these seconds around NOW. */
static void check_window(int64_t from, int64_t until, uint32_t begins, uint32_t ends)
{
    if ((int32_t)(begins - (uint32_t)NOW) > from - NOW
        || (int32_t)(ends - (uint32_t)NOW) < until - NOW)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dance_chain_reader reader;
    struct dance_chain_record r;
    int64_t from, until;
    bool window = dance_chain_window(data, size, NOW, &from, &until);
    const uint8_t *at = data + DANCE_CHAIN_LIFETIME;
    size_t signatures = 0;

    dance_chain_read(&reader, data, size);
    while (dance_chain_next(&reader, &r)) {
        if (r.owner != at || r.rdata != at + r.owner_len + 10)
            abort();
        check_name(r.owner, r.owner_len);
        at = r.rdata + r.rdata_len;
        if (at > data + size)
            abort();
        if (r.type != 46)
            continue;
        signatures++;
        if (window && r.rdata_len < 18)
            abort();
        if (window)
            check_window(from, until, number(r.rdata + 12), number(r.rdata + 8));
    }
    if (!reader.malformed && (at != data + size || size > DANCE_CHAIN_MAX))
        abort();
    if (window && (reader.malformed || signatures == 0))
        abort();
    return 0;
}
