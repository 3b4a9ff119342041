/*
 * fuzz_gathered.c: a validated DNS message of which a chain's records are taken. The
 * first octet is the type that was asked for.
 *
 * What comes of it is a chain: records without compression, of the types that a
 * chain may have, in class IN, each with a signature beside it that holds, and no
 * record twice, however often the same message is taken.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "worker/collect/gathered.h"

#include <stdlib.h>
#include <string.h>

#define NOW 1700000000
#define RRSIG 46

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned covered(const struct dance_chain_record *r)
{
    return r->type == RRSIG ? (unsigned)r->rdata[0] << 8 | r->rdata[1] : r->type;
}

static void check_record(const struct gathered *g, const struct dance_chain_record *r)
{
    static const unsigned types[] = {5, 39, 43, 47, 48, 50, 52};
    struct dance_chain_reader reader;
    struct dance_chain_record other;
    bool known = false;
    bool has_signature = false;

    if (r->rr_class != 1 || (r->type == RRSIG && r->rdata_len < 20))
        abort();
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        known = known || covered(r) == types[i];
    dance_chain_read(&reader, g->octets, g->len);
    while (dance_chain_next(&reader, &other)) {
        size_t len = (size_t)(reader.at - other.owner);

        has_signature = has_signature
                        || (other.type == RRSIG && covered(&other) == covered(r)
                            && other.owner_len == r->owner_len
                            && memcmp(other.owner, r->owner, r->owner_len) == 0);
        if (other.owner != r->owner && len == (size_t)(r->rdata + r->rdata_len - r->owner)
            && memcmp(other.owner, r->owner, len) == 0)
            abort();
    }
    if (!known || !has_signature)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gathered g;
    struct dance_chain_reader reader;
    struct dance_chain_record r;
    const char *why = NULL;
    int64_t from, until;
    size_t len;

    unsigned type;

    if (size == 0 || size > 65536)
        return 0;
    type = *data++;
    size--;
    gathered_begin(&g);
    if (!gathered_take(&g, data, (int)size, type, NOW, &why)) {
        if (why == NULL)
            abort();
        return 0;
    }
    dance_chain_read(&reader, g.octets, g.len);
    while (dance_chain_next(&reader, &r))
        check_record(&g, &r);
    if (reader.malformed || g.signers == 0 || g.signers > GATHERED_SIGNERS_MAX
        || !dance_chain_window(g.octets, g.len, NOW, &from, &until) || until <= NOW || from > NOW)
        abort();
    len = g.len;
    if (!gathered_take(&g, data, (int)size, type, NOW, &why) || g.len != len)
        abort();
    return 0;
}
