/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <criterion/criterion.h>
#include <string.h>

enum { FILE_OPTION, FLAG_OPTION, NUMBER_OPTION };

static const struct command_option options[] = {
    [FILE_OPTION] = {"file", "FILE", "a file"},
    [FLAG_OPTION] = {"json", NULL, "a flag"},
    [NUMBER_OPTION] = {"number", "N", "a number"},
    {NULL, NULL, NULL},
};
static const struct command command = {.name = "try",
                                       .usage = "ONE [TWO]",
                                       .meaning = "Try",
                                       .operands_min = 1,
                                       .operands_max = 2,
                                       .options = options};

/* Read these words, ended by NULL. */
static enum command_status read_words(struct command_call *call, const char *const words[])
{
    static char *argv[10];
    int argc = 0;

    while (words[argc] != NULL)
        argc++;
    /* getopt_long() changes the order of the strings and none of them. */
    memcpy(argv, words, ((size_t)argc + 1) * sizeof(*argv));
    return command_read(&command, argc, argv, call);
}

#define READ(call, ...) read_words(call, (const char *const[]){"try", __VA_ARGS__, NULL})

Test(command, options_and_operands_in_any_order)
{
    struct command_call call;

    cr_assert_eq(READ(&call, "one", "--file", "a", "two", "--json"), COMMAND_GOOD);
    cr_assert_str_eq(call.option[FILE_OPTION], "a");
    cr_assert_str_eq(call.option[FLAG_OPTION], "");
    cr_assert_null(call.option[NUMBER_OPTION]);
    cr_assert_eq(call.count, 2);
    cr_assert_str_eq(call.operand[0], "one");
    cr_assert_str_eq(call.operand[1], "two");
}

Test(command, each_reading_begins_anew)
{
    struct command_call call;

    cr_assert_eq(READ(&call, "--file=x", "--", "--json"), COMMAND_GOOD);
    cr_assert_str_eq(call.operand[0], "--json");
    cr_assert_eq(READ(&call, "one"), COMMAND_GOOD);
    cr_assert_null(call.option[FILE_OPTION]);
    cr_assert_eq(call.count, 1);
}

Test(command, what_means_nothing)
{
    struct command_call call;

    cr_assert_eq(READ(&call, "--json"), COMMAND_USAGE);
    cr_assert_eq(READ(&call, "1", "2", "3"), COMMAND_USAGE);
    cr_assert_eq(READ(&call, "1", "--file"), COMMAND_USAGE);
    cr_assert_eq(READ(&call, "1", "--json=1"), COMMAND_USAGE);
    cr_assert_eq(READ(&call, "1", "-f"), COMMAND_USAGE);
    cr_assert_eq(READ(&call, "1", "--other"), COMMAND_USAGE);
}

/* The number that is read, or 0 where it is said to be none. */
static unsigned number(const char *text)
{
    struct command_call call = {.command = &command};
    unsigned n = 77;

    call.option[NUMBER_OPTION] = text;
    return command_number(&call, NUMBER_OPTION, 1, 4294967295u, 5, &n) == COMMAND_GOOD ? n : 0;
}

Test(command, numbers)
{
    static const char *const wrong[] = {"",
                                        "0",
                                        "-1",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "0x1",
                                        "1s",
                                        "4294967296",
                                        "00000000001",
                                        "99999999999999999999"};

    cr_assert_eq(number(NULL), 5);
    cr_assert_eq(number("1"), 1);
    cr_assert_eq(number("4294967295"), 4294967295u);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_eq(number(wrong[i]), 0, "%s", wrong[i]);
}
