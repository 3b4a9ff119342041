/*
 * fuzz_name_list.c: lists of names from strangers.
 *
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iinclude -Iprovider \
 *         -Iresolver -o fuzz_name_list fuzz/fuzz_name_list.c resolver/name_list.c \
 *         resolver/wanted.c resolver/deadlines.c provider/owner_name.c provider/name_hash.c \
 *         provider/log.c provider/kept_fd.c
 *
 * Whatever is in it, nothing is held any more when the list is given up.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "worker/peers/name_list.h"
#include "worker/lookups/wanted.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("list", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct name_list *list;

    if (write(fd, data, size) != (ssize_t)size
        || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) != 0)
        abort();
    list = name_list_hold(fd, 0);
    (void)close(fd);
    if (list != NULL)
        name_list_release(list, 0);
    if (wanted_count() != 0 || wanted_held() != 0)
        abort();
    return 0;
}
