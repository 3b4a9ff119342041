/*
 * fuzz_signatures.c: a DNS message whose signatures bound its TTL.
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iresolver \
 *         -o fuzz_signatures fuzz/fuzz_signatures.c resolver/signatures.c -lresolv
 *
 * The bound is never more than what there was, and nothing that does not parse
 * has any.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dns/signatures.h"

#include <stddef.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t ttl = 3600;
    enum signatures state;

    if (size > 65535)
        return 0;
    state = signatures_limit(data, (int)size, &ttl, 1700000000);
    if (ttl > 3600 || (state != SIGNATURES_GOOD && ttl != 0))
        abort();
    return 0;
}
