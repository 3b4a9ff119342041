/*
 * text.h: a TLSA record in words, as the dane: store lists it. Pure functions.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_STORE_TEXT_H
#define DANCE_STORE_TEXT_H

#include "dance_wire.h"

/* The record's data as it stands in a zone: "3 1 1 8cb0...". As dance_store_text_name(). */
char *dance_store_text_data(const struct dance_wire_record *record);

/*
 * The record in full: "sensor7._device.example.com TLSA 3 1 1 8cb0...", all
 * data in hexadecimal. To be freed with OPENSSL_free(); NULL: out of memory.
 */
char *dance_store_text_name(const char *owner, const struct dance_wire_record *record);

#define DANCE_STORE_KIND_MAX 48

/* The acronyms of RFC 7218: "DANE-EE SPKI SHA2-256". */
void dance_store_text_kind(char out[DANCE_STORE_KIND_MAX], const struct dance_wire_record *record);

/*
 * What it means, with the acronyms of RFC 7218, and how long it may be
 * believed: "DANE-EE SPKI SHA2-256, TTL 3600 s". remark (may be NULL) follows.
 */
void dance_store_text_meaning(char *out, size_t size, const struct dance_wire_record *record,
                              uint32_t ttl, const char *remark);

#endif
