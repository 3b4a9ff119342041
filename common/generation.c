/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "generation.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
/* Without them a reader could be made to touch memory that is not there. */
#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

/* Linux before 5.1 cannot keep readers from writing; they would void their own user's answers. */
static bool seal(int fd)
{
    return fcntl(fd, F_ADD_SEALS, SIZE_SEALS | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) == 0
           || fcntl(fd, F_ADD_SEALS, SIZE_SEALS | F_SEAL_SEAL) == 0;
}

bool dance_generation_make(struct dance_generation *g)
{
    uint64_t first = 0;
    void *page = MAP_FAILED;

    g->fd = memfd_create("dance-generation", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    g->counter = NULL;
    if (g->fd >= 0 && ftruncate(g->fd, (off_t)PAGE) == 0
        && getrandom(&first, sizeof(first), GRND_NONBLOCK) == (ssize_t)sizeof(first))
        page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, g->fd, 0);
    if (page == MAP_FAILED || !seal(g->fd)) {
        if (page != MAP_FAILED)
            (void)munmap(page, PAGE);
        if (g->fd >= 0)
            (void)close(g->fd);
        g->fd = -1;
        return false;
    }
    g->counter = page;
    /* Far from the end: it never comes to 0. */
    atomic_store(g->counter, first >> 1 | 1);
    return true;
}

void dance_generation_free(struct dance_generation *g)
{
    if (g->fd < 0)
        return;
    (void)munmap(g->counter, PAGE);
    (void)close(g->fd);
    g->fd = -1;
    g->counter = NULL;
}

void dance_generation_bump(struct dance_generation *g)
{
    (void)atomic_fetch_add(g->counter, 1);
}

uint64_t dance_generation_now(const dance_generation_counter *counter)
{
    return atomic_load(counter);
}

const dance_generation_counter *dance_generation_map(int fd, const dance_generation_counter *before)
{
    /* Nothing is written there: it is where the other mapping is replaced. */
    void *at = (void *)(uintptr_t)before;
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;
    void *page;

    if (seals < 0 || (seals & SIZE_SEALS) != SIZE_SEALS || fstat(fd, &st) != 0
        || st.st_size != (off_t)PAGE)
        return NULL;
    page = mmap(at, PAGE, PROT_READ, at != NULL ? MAP_SHARED | MAP_FIXED : MAP_SHARED, fd, 0);
    return page != MAP_FAILED ? page : NULL;
}

void dance_generation_unmap(const dance_generation_counter *counter)
{
    if (counter != NULL)
        (void)munmap((void *)(uintptr_t)counter, PAGE);
}
