/*
 * Linux before 6.7: memory that is sealed against writing cannot be mapped shared, even by who
 * only reads it, because the mapping might be made writable later (mprotect()).
 *
 *     cc -o linux-sealed-memfd linux-sealed-memfd.c && ./linux-sealed-memfd
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

static void map(int fd, int how, const char *name)
{
    void *p = mmap(NULL, 4096, PROT_READ, how, fd, 0);

    printf("%s: %s\n", name, p != MAP_FAILED ? "mapped" : strerror(errno));
}

int main(void)
{
    int fd = memfd_create("x", MFD_ALLOW_SEALING);
    struct utsname kernel;

    if (uname(&kernel) != 0 || ftruncate(fd, 4096) != 0
        || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) != 0)
        return 2;
    printf("Linux %s\n", kernel.release);
    map(fd, MAP_SHARED, "to be read, shared");
    map(fd, MAP_PRIVATE, "to be read, private");
    return 0;
}
