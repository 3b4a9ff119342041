/*
 * report.h: findings are printed, as text or as JSON.
 *
 * A finding says what is so, where (file:line), and what to do about it. As text
 * each is printed when it is found, in colours if asked for; as JSON all of
 * them are one object on one line:
 *
 *   {"findings":[{"severity":"fault","what":"...","where":"...","remedy":"..."}],
 *    "status":"fault"}
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_REPORT_H
#define DANCE_REPORT_H

#include "command.h"
#include "json.h"

#include <stdbool.h>
#include <stdio.h>

enum report_severity { REPORT_GOOD, REPORT_WARNING, REPORT_FAULT };
#define REPORT_SEVERITIES 3

struct report {
    struct json json;
    bool as_json;
    bool coloured;
    unsigned count[REPORT_SEVERITIES];
};

/* Text has colours if out is a terminal and NO_COLOR (no-color.org) is not set. */
void report_begin(struct report *report, FILE *out, bool as_json);

/* where and remedy may be NULL or "": none. The format is of what, one line without its end. */
void report_add(struct report *report, enum report_severity severity, const char *where,
                const char *remedy, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* How many there were of each; COMMAND_FAULT if there was a fault. */
enum command_status report_end(struct report *report);

#endif
