/*
 * zone_text.h: a TLSA record as it stands in a zone file, and in JSON.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_ZONE_TEXT_H
#define DANCE_CLI_ZONE_TEXT_H

#include "dance_wire.h"
#include "json.h"

#define ZONE_TTL_MAX 2147483647u /* RFC 2181, section 8 */
#define ZONE_TTL_USUAL 3600u

/*
 * "sensor7._device.example.com. 3600 IN TLSA 3 1 1 8cb0...", without an end of line. To be freed
 * with OPENSSL_free(); NULL: out of memory.
 */
char *zone_text(const char *owner, uint32_t ttl, const struct dance_wire_record *record);

/* The same as an object (key NULL: of an array): numbers, data, what it means, and the zone's line.
 */
void zone_text_json(struct json *json, const char *key, const char *owner, uint32_t ttl,
                    const struct dance_wire_record *record);

#endif
