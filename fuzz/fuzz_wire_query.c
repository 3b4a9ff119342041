/*
 * fuzz_wire_query.c: the resolver's side of the wire, from hostile octets.
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Iprovider \
 *         -o fuzz_wire_query fuzz/fuzz_wire_query.c provider/owner_name.c
 *
 * A query that is accepted must encode to the same octets, and its name, if it
 * is one, survive being made lower case.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "dance_wire.h"
#include "owner_name.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t again[DANCE_WIRE_HEADER + 9 + DANCE_WIRE_NAME_MAX];
    char lower[DANCE_NAME_MAX + 1];
    struct dance_wire_query q;

    if (!dance_wire_decode_query(data, size, &q))
        return 0;
    if (dance_wire_encode_query(&q, again, sizeof(again)) != size || memcmp(again, data, size) != 0)
        abort();
    if (dance_owner_name_fault(q.name, q.name_len) == NULL) {
        dance_owner_name_lower(lower, q.name, q.name_len);
        if (strlen(lower) != q.name_len
            || !dance_owner_name_equal(lower, q.name_len, q.name, q.name_len))
            abort();
    }
    return 0;
}
