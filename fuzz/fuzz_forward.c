/*
 * fuzz_forward.c: an operator's list of forwarders, and a resolv.conf.
 *
 * What is read says which resolvers are asked: each has a port, and a name for
 * all of them or for none.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "worker/dns/forward.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct forward *f)
{
    if (f->count == 0 || f->count > FORWARD_MAX)
        abort();
    for (size_t i = 0; i < f->count; i++) {
        if (strchr(f->entry[i], '@') == NULL || (strchr(f->entry[i], '#') != NULL) != f->tls)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct forward f;
    char *list = malloc(size + 1);
    FILE *file;

    if (list == NULL)
        return 0;
    if (size > 0)
        memcpy(list, data, size);
    list[size] = '\0';
    if (forward_read(list, &f) == NULL)
        check(&f);
    file = size > 0 ? fmemopen(list, size, "r") : NULL;
    if (file != NULL && forward_read_system(file, &f) == NULL)
        check(&f);
    if (file != NULL)
        (void)fclose(file);
    free(list);
    return 0;
}
