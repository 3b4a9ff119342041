/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/chain/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#define NSEC3_FLAGS 1u /* octets of RDATA, that NSEC3PARAM has at the same place */
#define NSEC3_SALT 4u  /* where the salt's length is */

void text_clear(struct text *text)
{
    text->len = 0;
    text->full = false;
    text->octets[0] = '\0';
}

void text_add(struct text *text, const char *format, ...)
{
    size_t left = sizeof(text->octets) - text->len;
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(text->octets + text->len, left, format, arguments);
    va_end(arguments);
    text->full = text->full || n < 0 || (size_t)n >= left;
    text->len = text->full ? sizeof(text->octets) - 1 : text->len + (size_t)n;
}

static void add_octet(struct text *text, uint8_t octet)
{
    if (isalnum(octet) || octet == '-' || octet == '_')
        text_add(text, "%c", tolower(octet));
    else
        text_add(text, "\\%03u", octet);
}

void text_add_name(struct text *text, const uint8_t *name)
{
    if (*name == 0)
        text_add(text, ".");
    for (; *name != 0; name += 1u + *name) {
        for (size_t i = 1; i <= *name; i++)
            add_octet(text, name[i]);
        text_add(text, ".");
    }
}

static void add_octets(struct text *text, const uint8_t *octets, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    if (text->full || sizeof(text->octets) - text->len <= 2 * len) {
        text->full = true;
        return;
    }
    for (size_t i = 0; i < len; i++) {
        text->octets[text->len++] = digits[octets[i] >> 4];
        text->octets[text->len++] = digits[octets[i] & 0xf];
    }
    text->octets[text->len] = '\0';
}

void text_add_record(struct text *text, uint32_t ttl, unsigned type, const uint8_t *rdata,
                     size_t len)
{
    text_add(text, " %u IN TYPE%u \\# %zu ", ttl, type, len);
    add_octets(text, rdata, len);
    text_add(text, "\n");
}

static void add_top(struct text *text, const struct record_zone *zone)
{
    text_add_name(text, zone->apex);
    text_add(text, " 0 IN SOA . . 1 3600 3600 3600 0\n");
    text_add_name(text, zone->apex);
    text_add(text, " 0 IN NS .\n");
    if (zone->nsec3 != NULL) {
        const uint8_t *rdata = zone->nsec3->is.rdata;
        size_t salt = rdata[NSEC3_SALT];

        text_add_name(text, zone->apex);
        text_add(text, " 0 IN TYPE51 \\# %zu ", NSEC3_SALT + 1u + salt);
        add_octets(text, rdata, NSEC3_FLAGS);
        text_add(text, "00");
        add_octets(text, rdata + NSEC3_FLAGS + 1, NSEC3_SALT + salt - NSEC3_FLAGS);
        text_add(text, "\n");
    }
}

void text_add_zone(struct text *text, const struct records *records, size_t zone)
{
    add_top(text, &records->zone[zone]);
    for (size_t i = 0; i < records->count; i++) {
        const struct record *r = &records->record[i];

        if (r->zone != zone)
            continue;
        if (r->wildcard != NULL)
            text_add(text, "*.");
        /* The root's name is the dot that stands there already. */
        if (r->wildcard == NULL || *r->wildcard != 0)
            text_add_name(text, r->wildcard != NULL ? r->wildcard : r->is.owner);
        text_add_record(text, r->ttl, r->is.type, r->is.rdata, r->is.rdata_len);
    }
}
