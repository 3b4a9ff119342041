/*
 * fuzz_anchor.c: what an operator's file of trust anchors may hold.
 *
 * Either the whole file is refused, with a fault, or each of its anchors is one
 * that libunbound takes: a file that is half believed is a fault of ours.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dns/anchor.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *fault = NULL;
    bool read = anchors_parse((const char *)data, size, &fault);

    if (!read && (fault == NULL || *fault == '\0'))
        abort();
    if (read && anchors_first() == NULL)
        abort();
    for (const struct anchor *a = anchors_first(); a != NULL; a = a->next) {
        if (strlen(a->owner) > ANCHOR_NAME_MAX || strchr(a->record, '\n') != NULL)
            abort();
        if (read && anchor_over(a->owner) == NULL)
            abort();
    }
    anchors_forget();
    return 0;
}
