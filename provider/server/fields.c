/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/fields.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ESCAPED 4u

/* Not by isalnum(), which asks the application's locale. */
static bool stands_for_itself(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || strchr("-._:[]", c) != NULL;
}

static size_t width(char c)
{
    return stands_for_itself(c) ? 1 : ESCAPED;
}

void dance_fields_add(struct dance_fields *fields, const char *name, const char *value)
{
    char *out = fields->text + fields->len;
    size_t size = sizeof(fields->text) - fields->len;
    size_t at;
    size_t end;

    if (value == NULL || *value == '\0')
        return;
    at = strlen(name) + 2;
    if (at + ESCAPED >= size)
        return;
    (void)snprintf(out, size, "%s%s=", fields->len > 0 ? " " : "", name);
    at = strlen(out);
    end = size - at > DANCE_FIELD_MAX ? at + DANCE_FIELD_MAX : size - 1;
    for (; *value != '\0' && at + width(*value) <= end; value++)
        at += (size_t)snprintf(out + at, size - at, stands_for_itself(*value) ? "%c" : "\\x%02x",
                               (unsigned char)*value);
    out[at] = '\0';
    fields->len += at;
}
