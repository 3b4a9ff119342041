/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "generation.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

Test(generation, readers_see_it_and_cannot_change_it)
{
    struct dance_generation g;
    const dance_generation_counter *seen;
    uint64_t first;

    cr_assert(dance_generation_make(&g));
    seen = dance_generation_map(g.fd, NULL);
    cr_assert_not_null(seen);
    first = dance_generation_now(seen);
    cr_assert_neq(first, 0);
    dance_generation_bump(&g);
    cr_assert_eq(dance_generation_now(seen), first + 1);
    cr_assert_lt(ftruncate(g.fd, 0), 0);
    cr_assert_lt(write(g.fd, "x", 1), 0);
    cr_assert_eq(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, g.fd, 0), MAP_FAILED);
    dance_generation_unmap(seen);
    dance_generation_free(&g);
}

Test(generation, another_page_takes_the_place_at_once)
{
    struct dance_generation g[2];
    const dance_generation_counter *place;

    cr_assert(dance_generation_make(&g[0]) && dance_generation_make(&g[1]));
    place = dance_generation_map(g[0].fd, NULL);
    cr_assert_eq(dance_generation_now(place), dance_generation_now(g[0].counter));
    cr_assert_eq(dance_generation_map(g[1].fd, place), place);
    cr_assert_eq(dance_generation_now(place), dance_generation_now(g[1].counter));
    cr_assert_neq(dance_generation_now(g[0].counter), dance_generation_now(g[1].counter));
}

Test(generation, children_bump_it_for_all)
{
    struct dance_generation g;
    uint64_t before;
    pid_t child;

    cr_assert(dance_generation_make(&g));
    before = dance_generation_now(g.counter);
    child = fork();
    if (child == 0) {
        dance_generation_bump(&g);
        _exit(0);
    }
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_assert_eq(dance_generation_now(g.counter), before + 1);
}

Test(generation, what_could_be_made_shorter_is_not_mapped)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int pipes[2];

    cr_assert_eq(ftruncate(fd, 4096), 0);
    cr_assert_null(dance_generation_map(fd, NULL));
    cr_assert_eq(ftruncate(fd, 8192), 0);
    cr_assert_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    cr_assert_null(dance_generation_map(fd, NULL));
    cr_assert_eq(pipe(pipes), 0);
    cr_assert_null(dance_generation_map(pipes[0], NULL));
    cr_assert_null(dance_generation_map(-1, NULL));
}
