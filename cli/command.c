/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#define COLUMNS 79
#define OPTION_WIDTH 26
#define OPTION_TEXT_MAX 64

static size_t count_options(const struct command *command)
{
    size_t count = 0;

    while (count < COMMAND_OPTIONS_MAX && command->options[count].name != NULL)
        count++;
    return count;
}

/* An option as it is typed; the length. */
static int option_text(char out[OPTION_TEXT_MAX], const struct command_option *option)
{
    bool takes = option->value != NULL;

    return snprintf(out, OPTION_TEXT_MAX, "--%s%s%s", option->name, takes ? " " : "",
                    takes ? option->value : "");
}

void command_print_usage(const struct command *command, FILE *out)
{
    size_t count = count_options(command);
    char text[OPTION_TEXT_MAX];
    int column = fprintf(out, "usage: dance %s%s%s", command->name,
                         *command->usage != '\0' ? " " : "", command->usage);

    for (size_t i = 0; i < count; i++) {
        int len = option_text(text, &command->options[i]) + 3;

        if (column + len > COLUMNS)
            column = fprintf(out, "\n          ") - 1;
        column += fprintf(out, " [%s]", text);
    }
    (void)fprintf(out, "\n%s.\n", command->meaning);
    for (size_t i = 0; i < count; i++) {
        (void)option_text(text, &command->options[i]);
        (void)fprintf(out, "  %-*s %s\n", OPTION_WIDTH, text, command->options[i].meaning);
    }
}

__attribute__((format(printf, 2, 0))) static void say(const struct command *command,
                                                      const char *format, va_list arguments)
{
    (void)fprintf(stderr, "dance %s: ", command->name);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
}

enum command_status command_misused(const struct command *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(command, format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "'dance help %s' says how it is used\n", command->name);
    return COMMAND_USAGE;
}

enum command_status command_failed(const struct command *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(command, format, arguments);
    va_end(arguments);
    return COMMAND_FAULT;
}

static enum command_status take_operands(const struct command *command, int argc, char *argv[],
                                         struct command_call *call)
{
    call->count = (size_t)(argc - optind);
    call->operand = argv + optind;
    if (call->count < command->operands_min)
        return command_misused(command, "an operand is missing: %s", command->usage);
    if (call->count > command->operands_max)
        return command_misused(command, "nobody knows what '%s' is for",
                               argv[optind + (int)command->operands_max]);
    return COMMAND_GOOD;
}

enum command_status command_read(const struct command *command, int argc, char *argv[],
                                 struct command_call *call)
{
    struct option known[COMMAND_OPTIONS_MAX + 1] = {{NULL, 0, NULL, 0}};
    size_t count = count_options(command);
    int which = 0;
    int got;

    *call = (struct command_call){.command = command};
    for (size_t i = 0; i < count; i++)
        known[i] = (struct option){
            command->options[i].name,
            command->options[i].value != NULL ? required_argument : no_argument, NULL, 0};
    optind = 0;
    opterr = 0;
    while ((got = getopt_long(argc, argv, ":", known, &which)) == 0)
        call->option[which] = optarg != NULL ? optarg : "";
    if (got == ':')
        return command_misused(command, "%s needs a value", argv[optind - 1]);
    if (got != -1 && optopt != 0)
        return command_misused(command, "it has no option -%c", optopt);
    if (got != -1)
        return command_misused(command, "it has no option %s", argv[optind - 1]);
    return take_operands(command, argc, argv, call);
}

enum command_status command_number(const struct command_call *call, size_t option, unsigned low,
                                   unsigned high, unsigned usual, unsigned *out)
{
    const char *text = call->option[option];
    unsigned long long n = 0;

    *out = usual;
    if (text == NULL)
        return COMMAND_GOOD;
    if (*text != '\0' && strlen(text) <= 10 && strspn(text, "0123456789") == strlen(text)) {
        for (const char *at = text; *at != '\0'; at++)
            n = n * 10 + (unsigned long long)(*at - '0');
        if (n >= low && n <= high) {
            *out = (unsigned)n;
            return COMMAND_GOOD;
        }
    }
    return command_misused(call->command, "--%s: '%s' is not a number from %u to %u",
                           call->command->options[option].name, text, low, high);
}
