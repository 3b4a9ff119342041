/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#define WHAT_MAX 2048

static const struct {
    const char *name;
    const char *colour;
} severities[REPORT_SEVERITIES] = {
    [REPORT_GOOD] = {"good", "\033[32m"},
    [REPORT_WARNING] = {"warning", "\033[33m"},
    [REPORT_FAULT] = {"fault", "\033[31m"},
};

void report_begin(struct report *report, FILE *out, bool as_json)
{
    *report = (struct report){.json = {.out = out}, .as_json = as_json};
    report->coloured = !as_json && getenv("NO_COLOR") == NULL && isatty(fileno(out)) == 1;
    if (as_json) {
        json_object(&report->json, NULL);
        json_array(&report->json, "findings");
    }
}

/* What is found stands in files and in the DNS: nothing of it is for the terminal to obey. */
static void write_line(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        bool control = (unsigned char)*text < 0x20 || *text == 0x7f;

        (void)fputc(control ? '?' : *text, out);
    }
}

static void write_text(const struct report *report, enum report_severity severity,
                       const char *where, const char *remedy, const char *what)
{
    FILE *out = report->json.out;

    (void)fprintf(out, "%s%-8s%s ", report->coloured ? severities[severity].colour : "",
                  severities[severity].name, report->coloured ? "\033[0m" : "");
    if (*where != '\0') {
        write_line(out, where);
        (void)fputs(": ", out);
    }
    write_line(out, what);
    if (*remedy != '\0') {
        (void)fputs("\n         what to do: ", out);
        write_line(out, remedy);
    }
    (void)fputc('\n', out);
}

void report_add(struct report *report, enum report_severity severity, const char *where,
                const char *remedy, const char *format, ...)
{
    char what[WHAT_MAX];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    where = where != NULL ? where : "";
    remedy = remedy != NULL ? remedy : "";
    report->count[severity]++;
    if (!report->as_json) {
        write_text(report, severity, where, remedy, what);
        return;
    }
    json_object(&report->json, NULL);
    json_string(&report->json, "severity", severities[severity].name);
    json_string(&report->json, "what", what);
    json_string(&report->json, "where", where);
    json_string(&report->json, "remedy", remedy);
    json_object_end(&report->json);
}

enum command_status report_end(struct report *report)
{
    enum report_severity worst = REPORT_GOOD;

    for (int s = 0; s < REPORT_SEVERITIES; s++) {
        if (report->count[s] > 0)
            worst = (enum report_severity)s;
    }
    if (report->as_json) {
        json_array_end(&report->json);
        json_string(&report->json, "status", severities[worst].name);
        json_object_end(&report->json);
        json_end(&report->json);
    } else {
        (void)fprintf(report->json.out, "%u good, %u warning%s, %u fault%s\n",
                      report->count[REPORT_GOOD], report->count[REPORT_WARNING],
                      report->count[REPORT_WARNING] == 1 ? "" : "s", report->count[REPORT_FAULT],
                      report->count[REPORT_FAULT] == 1 ? "" : "s");
    }
    return worst == REPORT_FAULT ? COMMAND_FAULT : COMMAND_GOOD;
}
