/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "rollover_state.h"

#include <criterion/criterion.h>
#include <string.h>

#define NOW INT64_C(1700000000)

static const struct rollover_notes some = {"sensor7._device.example.com", 60, NOW - 10, NOW - 5};

Test(rollover_notes, are_read_as_they_were_written)
{
    struct rollover_notes all = {"", UINT32_MAX, 999999999999999999, 0};
    struct rollover_notes got;
    char text[ROLLOVER_NOTES_SIZE];

    /* The longest name: 63 octets a label. */
    memset(all.name, 'a', DANCE_NAME_MAX);
    for (size_t dot = 63; dot < DANCE_NAME_MAX; dot += 64)
        all.name[dot] = '.';
    rollover_notes_write(text, &all);
    cr_assert(rollover_notes_read(&got, text, sizeof(text)));
    cr_assert_str_eq(got.name, all.name);
    cr_assert(got.ttl == all.ttl && got.seen == all.seen && got.switched == 0);
}

Test(rollover_notes, that_are_cut_or_changed_are_none)
{
    static const struct {
        const char *is, *becomes;
    } changes[] = {{"# dance", "# dancE"}, {"name", "nome"},     {"sensor7", "sensor "},
                   {"ttl 60", "ttl 6a"},   {"ttl 60", "ttl -6"}, {"seen", "sEEn"},
                   {"seen 1", "seen  "},   {"end\n", "en\n\n"},  {"60\nseen", "60 seen"}};
    struct rollover_notes got;
    char text[ROLLOVER_NOTES_SIZE];

    rollover_notes_write(text, &some);
    for (size_t len = 0; len < sizeof(text); len++)
        cr_assert_not(rollover_notes_read(&got, text, len));
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        char *at;

        rollover_notes_write(text, &some);
        at = strstr(text, changes[i].is);
        cr_assert_not_null(at);
        memcpy(at, changes[i].becomes, strlen(changes[i].becomes));
        cr_assert_not(rollover_notes_read(&got, text, sizeof(text)), "%s", changes[i].becomes);
    }
    rollover_notes_write(text, &some);
    text[100] = '\0';
    cr_assert_not(rollover_notes_read(&got, text, sizeof(text)));
}

static void expect(const struct rollover_files *files, const struct rollover_notes *notes,
                   bool visible, enum rollover_step step, int64_t until)
{
    struct rollover_notes copy = notes != NULL ? *notes : some;
    int64_t got;

    cr_assert_eq(rollover_next(files, notes != NULL ? &copy : NULL, visible, NOW, &got), step);
    cr_assert_eq(got, until);
}

static const struct rollover_files nothing = {false, false, false};
static const struct rollover_files coming = {true, false, false};
static const struct rollover_files cut_short = {true, true, true};
static const struct rollover_files switched = {false, true, false};

Test(rollover_next, one_step_after_the_other)
{
    struct rollover_notes notes = {"a", 60, 0, 0};

    expect(&nothing, NULL, false, ROLLOVER_MAKE, 0);
    expect(&nothing, &notes, true, ROLLOVER_MAKE, 0);
    expect(&coming, &notes, false, ROLLOVER_PUBLISH, 0);
    expect(&coming, &notes, true, ROLLOVER_HOLD, NOW + 60 + ROLLOVER_MARGIN);
    notes.seen = NOW - 60 - ROLLOVER_MARGIN + 1;
    expect(&coming, &notes, true, ROLLOVER_HOLD, NOW + 1);
    notes.seen--;
    expect(&coming, &notes, true, ROLLOVER_SWITCH, 0);
    expect(&coming, &notes, false, ROLLOVER_PUBLISH, 0);
    expect(&cut_short, &notes, true, ROLLOVER_SWITCH, 0);
    expect(&switched, &notes, false, ROLLOVER_KEEP, NOW + 60 + ROLLOVER_MARGIN);
    notes.switched = NOW - 60 - ROLLOVER_MARGIN;
    expect(&switched, &notes, false, ROLLOVER_REMOVE, 0);
}

Test(rollover_next, moments_are_noted)
{
    struct rollover_notes notes = {"a", 60, 0, 0};
    int64_t until;

    (void)rollover_next(&coming, &notes, true, NOW, &until);
    cr_assert(notes.seen == NOW && notes.switched == 0);
    (void)rollover_next(&coming, &notes, true, NOW + 10, &until);
    cr_assert(notes.seen == NOW && until == NOW + 60 + ROLLOVER_MARGIN);
    /* The clock was set back. */
    (void)rollover_next(&coming, &notes, true, NOW - 10, &until);
    cr_assert(notes.seen == NOW - 10);
    /* Whoever took the record away again begins anew. */
    (void)rollover_next(&coming, &notes, false, NOW + 10, &until);
    cr_assert(notes.seen == 0);
    (void)rollover_next(&switched, &notes, false, NOW, &until);
    cr_assert(notes.switched == NOW);
}

Test(rollover_next, what_no_rollover_leaves)
{
    expect(&(struct rollover_files){true, true, false}, &some, true, ROLLOVER_TWO_KEYS, 0);
    expect(&(struct rollover_files){false, true, true}, &some, true, ROLLOVER_LOST_NEW, 0);
    expect(&coming, NULL, true, ROLLOVER_UNKNOWN_NEW, 0);
    expect(&cut_short, NULL, true, ROLLOVER_UNKNOWN_NEW, 0);
    expect(&switched, NULL, true, ROLLOVER_UNKNOWN_OLD, 0);
}

Test(rollover_next, the_longest_ttl)
{
    struct rollover_notes notes = {"a", UINT32_MAX, NOW, 0};

    expect(&coming, &notes, true, ROLLOVER_HOLD, NOW + UINT32_MAX + ROLLOVER_MARGIN);
}
