/*
 * fuzz_extension.c: what a client can put into dane_clientid, up to the allow list.
 *
 * What decodes encodes to the same octets; an acceptable name matches itself as
 * a pattern, in any letter case, and everything below it its wildcard.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "names/clientid.h"
#include "owner_name.h"
#include "patterns.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char again[DANCE_CLIENTID_MAX];
    char lower[DANCE_NAME_MAX + 1];
    struct dance_patterns *list;
    const unsigned char *name;
    struct dance_patterns_fault fault;
    size_t len;

    if (!dance_clientid_decode(data, size, &name, &len))
        return 0;
    if (dance_clientid_encode(again, (const char *)name, len) != size
        || memcmp(again, data, size) != 0)
        abort();
    if (dance_owner_name_fault((const char *)name, len) != NULL)
        return 0;
    dance_owner_name_lower(lower, (const char *)name, len);
    if (strlen(lower) != len || !dance_owner_name_equal(lower, len, (const char *)name, len))
        abort();
    list = dance_patterns_read((const char *)name, len, DANCE_PATTERNS_VALUE, &fault);
    if (list == NULL)
        abort();
    if (!dance_patterns_match(list, lower, len))
        abort();
    dance_patterns_free(list);
    return 0;
}
