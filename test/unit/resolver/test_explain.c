/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/explain.h"

#include <criterion/criterion.h>
#include <string.h>

#define DS 43
#define DNSKEY 48

static struct explain_walk walk;

static const struct explain_seen anchor = {
    .secure = true, .has_data = true, .algorithm = 13, .digest = 2, .iterations = -1};
static const struct explain_seen signed_cut = {
    .secure = true, .has_data = true, .algorithm = 250, .digest = 2, .iterations = -1};
static const struct explain_seen no_ds = {
    .secure = true, .algorithm = -1, .digest = -1, .iterations = -1};
static const struct explain_seen insecure = {.algorithm = -1, .digest = -1, .iterations = -1};
static const struct explain_seen insecure_data = {.has_data = true, .iterations = -1};
static const struct explain_seen secure_keys = {.secure = true, .has_data = true, .iterations = -1};
static const struct explain_seen iterated = {.algorithm = -1, .digest = -1, .iterations = 500};

#define ASKS(AT, TYPE)                                                                             \
    cr_expect_str_eq(walk.at, AT);                                                                 \
    cr_expect_eq(walk.type, TYPE)
#define SAYS(SEEN, TEXT)                                                                           \
    cr_assert_not(explain_go_on(&walk, &(SEEN)));                                                  \
    cr_expect_str_eq(walk.text, TEXT)

/* Down to example.com., where nothing is secure any more. */
static void go_down(const struct explain_seen *of_example, const struct explain_seen *below)
{
    cr_assert(explain_set_out(&walk, "a.example.com.", ".", &anchor));
    ASKS("com.", DS);
    cr_assert(explain_go_on(&walk, &signed_cut));
    ASKS("example.com.", DS);
    cr_assert(explain_go_on(&walk, of_example));
    ASKS("a.example.com.", DS);
    cr_assert(explain_go_on(&walk, below));
    ASKS("example.com.", DNSKEY);
}

Test(explain, not_signed)
{
    go_down(&no_ds, &insecure);
    SAYS(insecure, "the zone example.com is not signed");
}

Test(explain, no_ds_in_the_parent)
{
    go_down(&no_ds, &insecure);
    SAYS(insecure_data, "the zone example.com is signed, but its parent has no DS record for it");
}

Test(explain, unknown_algorithm)
{
    go_down(&signed_cut, &insecure);
    SAYS(insecure_data,
         "this libunbound knows no algorithm or digest by which the zone example.com "
         "is signed (algorithm 250, digest 2)");
}

Test(explain, iterations)
{
    go_down(&signed_cut, &iterated);
    SAYS(secure_keys, "the NSEC3 records of the zone example.com have more iterations than "
                      "libunbound takes (500)");
}

Test(explain, the_name_is_the_zone)
{
    cr_assert(explain_set_out(&walk, "com.", ".", &anchor));
    cr_assert(explain_go_on(&walk, &no_ds));
    ASKS("com.", DNSKEY);
    SAYS(insecure, "the zone com is not signed");
}

Test(explain, the_anchor_itself)
{
    cr_assert(explain_set_out(&walk, "com.", "com.", &anchor));
    ASKS("com.", DNSKEY);
    SAYS(insecure_data, "this libunbound knows no algorithm or digest by which the zone com is "
                        "signed (algorithm 13, digest 2)");
    cr_assert(explain_set_out(&walk, "a.com.", "com.", &anchor));
    ASKS("a.com.", DS);
}

Test(explain, nothing_of_use)
{
    static const struct explain_seen failed = {.failed = true};

    cr_assert(explain_set_out(&walk, "a.example.com.", ".", &anchor));
    SAYS(failed, "no chain of trust leads to it");
    go_down(&no_ds, &insecure);
    SAYS(failed, "no chain of trust leads to it");
    cr_expect_not(explain_set_out(&walk, "a.example.com.", "example.org.", &anchor));
    cr_expect_not(explain_set_out(&walk, "aexample.com.", "example.com.", &anchor));
}

Test(explain, as_many_lookups_as_labels)
{
    char name[EXPLAIN_NAME_MAX] = "";
    int asked = 1;

    for (size_t i = 0; i < 127; i++)
        (void)strcat(name, "a.");
    cr_assert(explain_set_out(&walk, name, ".", &anchor));
    while (explain_go_on(&walk, &no_ds))
        asked++;
    cr_expect_eq(asked, 128);
}
