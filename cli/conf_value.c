/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "conf_value.h"

#include <stdbool.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

void conf_value_write(BIO *out, const char *value)
{
    static const char controls[] = "\n\r\t\b";
    static const char letters[] = "nrtb";
    size_t len = strlen(value);
    /* Blanks at an end are nothing without quotes. */
    const char *quote = len > 0 && (is_blank(value[0]) || is_blank(value[len - 1])) ? "\"" : "";

    (void)BIO_puts(out, quote);
    for (; *value != '\0'; value++) {
        const char *control = strchr(controls, *value);

        if (control != NULL && !(*quote != '\0' && is_blank(*value)))
            (void)BIO_printf(out, "\\%c", letters[control - controls]);
        else
            (void)BIO_printf(out, "%s%c", strchr("\\$#\"'`", *value) != NULL ? "\\" : "", *value);
    }
    (void)BIO_puts(out, quote);
}
