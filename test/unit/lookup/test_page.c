/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "lookup/page.h"

#include "generation.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

static bool take(struct dance_page *page, const struct dance_generation *g)
{
    return dance_page_take(page, dup(g->fd));
}

Test(page, the_last_one_counts)
{
    struct dance_generation g[2];
    struct dance_page *page = dance_page_new();

    cr_assert(dance_generation_make(&g[0]) && dance_generation_make(&g[1]));
    cr_assert_eq(dance_page_generation(page), 0);
    for (int i = 0; i < 6; i++) {
        cr_assert(take(page, &g[i / 2 % 2]));
        cr_assert_eq(dance_page_generation(page), dance_generation_now(g[i / 2 % 2].counter));
        dance_generation_bump(&g[i / 2 % 2]);
        cr_assert_eq(dance_page_generation(page), dance_generation_now(g[i / 2 % 2].counter));
    }
    dance_page_free(page);
}

Test(page, without_one_nothing_counts)
{
    struct dance_generation g;
    struct dance_page *page = dance_page_new();

    cr_assert(dance_generation_make(&g));
    cr_assert(take(page, &g));
    cr_assert_not(dance_page_take(page, open("/dev/null", O_RDONLY | O_CLOEXEC)));
    cr_assert_eq(dance_page_generation(page), 0);
    cr_assert(take(page, &g));
    cr_assert_neq(dance_page_generation(page), 0);
    cr_assert_not(dance_page_take(page, -1));
    cr_assert_eq(dance_page_generation(page), 0);
    dance_page_free(page);
    dance_page_free(NULL);
}
