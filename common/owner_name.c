/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "owner_name.h"

/* Not tolower(): that follows the application's locale. */
static char lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c;
}

static bool is_name_octet(char c)
{
    c = lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

const char *dance_owner_name_fault(const char *name, size_t len)
{
    size_t label = 0;

    if (len == 0)
        return "it is empty";
    if (len > DANCE_NAME_MAX)
        return "it is longer than 253 octets";
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '.') {
            if (label == 0)
                return "it has an empty label";
            label = 0;
            continue;
        }
        if (!is_name_octet(name[i]))
            return "it has octets other than letters, digits, hyphen and underscore";
        if (++label > DANCE_LABEL_MAX)
            return "it has a label of more than 63 octets";
    }
    return label == 0 ? "it ends with a dot" : NULL;
}

void dance_owner_name_lower(char out[DANCE_NAME_MAX + 1], const char *name, size_t len)
{
    size_t i;

    for (i = 0; i < len && i < DANCE_NAME_MAX; i++)
        out[i] = lower(name[i]);
    out[i] = '\0';
}

bool dance_owner_name_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
    if (a_len != b_len)
        return false;
    for (size_t i = 0; i < a_len; i++) {
        if (lower(a[i]) != lower(b[i]))
            return false;
    }
    return true;
}
