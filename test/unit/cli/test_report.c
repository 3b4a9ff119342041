/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a report with these findings prints into a file, which is no terminal. */
static enum command_status print(bool as_json, int count, char *out, size_t size)
{
    FILE *file = tmpfile();
    struct report report;
    enum command_status status;
    size_t got;

    cr_assert_not_null(file);
    report_begin(&report, file, as_json);
    if (count > 0)
        report_add(&report, REPORT_GOOD, NULL, NULL, "%s is there", "x");
    if (count > 1)
        report_add(&report, REPORT_WARNING, "", "look", "y \033[31m\n\"z\"");
    if (count > 2)
        report_add(&report, REPORT_FAULT, "/etc/a.cnf:3", "do this", "polcy");
    status = report_end(&report);
    rewind(file);
    got = fread(out, 1, size - 1, file);
    out[got] = '\0';
    (void)fclose(file);
    return status;
}

Test(report, text)
{
    char out[1024];

    cr_assert_eq(print(false, 3, out, sizeof(out)), COMMAND_FAULT);
    cr_assert_str_eq(out, "good     x is there\n"
                          "warning  y ?[31m?\"z\"\n"
                          "         what to do: look\n"
                          "fault    /etc/a.cnf:3: polcy\n"
                          "         what to do: do this\n"
                          "1 good, 1 warning, 1 fault\n");
}

Test(report, as_json)
{
    char out[1024];

    cr_assert_eq(print(true, 3, out, sizeof(out)), COMMAND_FAULT);
    cr_assert_str_eq(
        out, "{\"findings\":["
             "{\"severity\":\"good\",\"what\":\"x is there\",\"where\":\"\",\"remedy\":\"\"},"
             "{\"severity\":\"warning\",\"what\":\"y \\u001b[31m\\u000a\\\"z\\\"\",\"where\":\"\","
             "\"remedy\":\"look\"},"
             "{\"severity\":\"fault\",\"what\":\"polcy\",\"where\":\"/etc/a.cnf:3\","
             "\"remedy\":\"do this\"}],\"status\":\"fault\"}\n");
}

Test(report, status)
{
    char out[1024];

    cr_assert_eq(print(true, 0, out, sizeof(out)), COMMAND_GOOD);
    cr_assert_str_eq(out, "{\"findings\":[],\"status\":\"good\"}\n");
    cr_assert_eq(print(false, 2, out, sizeof(out)), COMMAND_GOOD);
    cr_assert_not_null(strstr(out, "1 good, 1 warning, 0 faults\n"));
}

/* What is printed of a finding at a terminal. */
static void print_at_terminal(char *out, size_t size)
{
    int ours = posix_openpt(O_RDWR | O_NOCTTY);
    struct report report;
    FILE *terminal;
    ssize_t got;

    cr_assert(ours >= 0 && grantpt(ours) == 0 && unlockpt(ours) == 0);
    terminal = fopen(ptsname(ours), "w");
    cr_assert_not_null(terminal);
    report_begin(&report, terminal, false);
    report_add(&report, REPORT_FAULT, NULL, NULL, "x");
    cr_assert_eq(fflush(terminal), 0);
    got = read(ours, out, size - 1);
    cr_assert(got > 0);
    out[got] = '\0';
    (void)fclose(terminal);
    (void)close(ours);
}

Test(report, colours_are_for_terminals)
{
    char out[256];

    (void)unsetenv("NO_COLOR");
    print_at_terminal(out, sizeof(out));
    cr_assert_not_null(strstr(out, "\033[31mfault   \033[0m x"));
    (void)setenv("NO_COLOR", "1", 1);
    print_at_terminal(out, sizeof(out));
    cr_assert_null(strchr(out, '\033'));
}
