/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/chain/wire_name.h"

#include <ctype.h>
#include <string.h>

#define LABEL_MAX 63u

size_t wire_name_of(const char *text, uint8_t name[WIRE_NAME_MAX])
{
    size_t len = 0;

    while (*text != '\0' && *text != '.') {
        size_t label = strcspn(text, ".");

        if (label > LABEL_MAX || len + 2 + label > WIRE_NAME_MAX)
            return 0;
        name[len++] = (uint8_t)label;
        memcpy(name + len, text, label);
        len += label;
        text += label + (text[label] == '.');
    }
    name[len++] = 0;
    return len;
}

size_t wire_name_labels(const uint8_t *name)
{
    size_t labels = 0;

    for (; *name != 0; name += 1u + *name)
        labels++;
    return labels;
}

/* The length octets of labels are below any letter. */
bool wire_name_same(const uint8_t *one, size_t one_len, const uint8_t *other, size_t other_len)
{
    if (one_len != other_len)
        return false;
    for (size_t i = 0; i < one_len; i++) {
        if (tolower(one[i]) != tolower(other[i]))
            return false;
    }
    return true;
}

bool wire_name_within(const uint8_t *name, size_t len, const uint8_t *zone, size_t zone_len)
{
    while (len > zone_len) {
        size_t label = 1u + *name;

        name += label;
        len -= label;
    }
    return wire_name_same(name, len, zone, zone_len);
}
