/*
 * fuzz_wire_wanted.c: the resolver's side of the wire, names that are wanted.
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude \
 *         -o fuzz_wire_wanted fuzz/fuzz_wire_wanted.c
 *
 * A message that is accepted encodes to the same octets.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "dance_wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t again[DANCE_WIRE_HEADER + 1 + DANCE_WIRE_NAME_MAX];
    const char *name;
    size_t len;

    if (dance_wire_decode_wanted(data, size, &name, &len)
        && (dance_wire_encode_wanted(name, len, again, sizeof(again)) != size
            || memcmp(again, data, size) != 0))
        abort();
    return 0;
}
