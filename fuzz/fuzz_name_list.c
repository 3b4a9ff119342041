/*
 * fuzz_name_list.c: lists of names from strangers.
 *
 * Whatever is in it, nothing is held any more when the list is given up.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "worker/lookups/domains.h"
#include "worker/lookups/wanted.h"
#include "worker/peers/name_list.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void told(void *owner, bool good)
{
    (void)owner;
    (void)good;
}

static void work(void)
{
    while (name_lists_have_work())
        name_lists_work(0, told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool open;
    int fd = memfd_create("list", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct name_list *list;

    if (!open && !(open = names_open() && domains_open(1)))
        abort();
    if (write(fd, data, size) != (ssize_t)size
        || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) != 0)
        abort();
    list = name_list_open(fd, NULL);
    if (list == NULL)
        abort();
    work();
    name_list_close(list);
    work();
    if (wanted_count() != 0 || wanted_held() != 0 || names_count() != 0)
        abort();
    return 0;
}
