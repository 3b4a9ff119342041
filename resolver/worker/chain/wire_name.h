/*
 * wire_name.h: names as they stand in a chain: uncompressed, in wire format, checked. Pure.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_WIRE_NAME_H
#define DANCE_WIRE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_NAME_MAX 255u /* octets (RFC 1035, section 3.1) */

/* Of a name as text, absolute and without escapes; its octets, or 0: it is too long. */
size_t wire_name_of(const char *text, uint8_t name[WIRE_NAME_MAX]);

/* Labels, without the root's. */
size_t wire_name_labels(const uint8_t *name);

/* The same name, whatever the case of its letters? */
bool wire_name_same(const uint8_t *one, size_t one_len, const uint8_t *other, size_t other_len);

/* Is name that of the zone, or below it? */
bool wire_name_within(const uint8_t *name, size_t len, const uint8_t *zone, size_t zone_len);

#endif
