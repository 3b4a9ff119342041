/*
 * fuzz_wire_answer.c: the module's side of the wire, from hostile octets.
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude \
 *         -o fuzz_wire_answer fuzz/fuzz_wire_answer.c
 *
 * An answer that is accepted keeps within the message and its bounds, and
 * encodes to the same octets.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "dance_wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int within(const uint8_t *data, size_t size, const void *from, size_t len)
{
    const uint8_t *p = from;

    return p >= data && len <= size && p <= data + size - len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[DANCE_WIRE_MAX];
    struct dance_wire_answer a;
    char reason[DANCE_WIRE_REASON_MAX + 1];
    uint64_t generation;

    if (dance_wire_decode_allow_list(data, size, reason)
        && dance_wire_encode_allow_list(reason, again, sizeof(again)) > size)
        abort();
    if (dance_wire_decode_page(data, size, &generation)
        && (dance_wire_encode_page(generation, again, sizeof(again)) != size
            || memcmp(again, data, size) != 0))
        abort();
    if (!dance_wire_decode_answer(data, size, &a))
        return 0;
    if (!within(data, size, a.reason, a.reason_len) || a.count > DANCE_WIRE_RECORDS_MAX)
        abort();
    for (size_t i = 0; i < a.count; i++) {
        if (a.record[i].len < 3 || !within(data, size, a.record[i].rdata, a.record[i].len))
            abort();
    }
    if (size <= sizeof(again)
        && (dance_wire_encode_answer(&a, again, sizeof(again)) != size
            || memcmp(again, data, size) != 0))
        abort();
    return 0;
}
