/*
 * text.h: records as libunbound reads them. Pure.
 *
 * Names in lower case, with everything but letters, digits, hyphens and
 * underscores as \DDD; RDATA in the form of unknown types (RFC 3597, section 5), so
 * that nothing in a chain is read as anything but octets.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_TEXT_H
#define DANCE_TEXT_H

#include "worker/chain/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_NAME_MAX 1024u /* octets of a name, the NUL included */
#define TEXT_MAX (128u << 10)

/* Text that is written; full turns true where something does not fit, and what stands there then
 * is of no use. */
struct text {
    size_t len; /* without the NUL */
    bool full;
    char octets[TEXT_MAX];
};

void text_clear(struct text *text);

__attribute__((format(printf, 2, 3))) void text_add(struct text *text, const char *format, ...);

/* A name, absolute, with the trailing dot. */
void text_add_name(struct text *text, const uint8_t *name);

/* A line with what stands behind a record's name. */
void text_add_record(struct text *text, uint32_t ttl, unsigned type, const uint8_t *rdata,
                     size_t len);

/*
 * A zone of a chain: its records, and what libunbound wants at the top of a zone and no chain has:
 * SOA, NS, and NSEC3PARAM where there is NSEC3. These are not signed, and prove nothing.
 */
void text_add_zone(struct text *text, const struct records *records, size_t zone);

#endif
