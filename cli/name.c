/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "name.h"

#include <string.h>

enum command_status name_read(const struct command_call *call, char out[DANCE_NAME_MAX + 1])
{
    const char *text = call->operand[0];
    size_t len = strlen(text);
    const char *fault;

    if (len > 1 && text[len - 1] == '.')
        len--;
    fault = dance_owner_name_fault(text, len);
    if (fault != NULL)
        return command_misused(call->command, "'%.300s' is no name that dance can use: %s", text,
                               fault);
    memcpy(out, text, len);
    out[len] = '\0';
    return COMMAND_GOOD;
}
