/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "conf_value.h"

#include <stdbool.h>
#include <string.h>

/* Blanks at an end are nothing without quotes, and in quotes a backslash has no letters. */
static bool needs_quotes(const char *value, const char *at)
{
    return (*at == ' ' || *at == '\t' || *at == '\v' || *at == '\f')
           && (at == value || at[1] == '\0');
}

void conf_value_write(BIO *out, const char *value)
{
    static const char controls[] = "\n\r\b";
    static const char letters[] = "nrb";

    for (const char *at = value; *at != '\0'; at++) {
        const char *control = strchr(controls, *at);

        if (needs_quotes(value, at))
            (void)BIO_printf(out, "\"%c\"", *at);
        else if (control != NULL)
            (void)BIO_printf(out, "\\%c", letters[control - controls]);
        else
            (void)BIO_printf(out, "%s%c", strchr("\\$#\"'`", *at) != NULL ? "\\" : "", *at);
    }
}
