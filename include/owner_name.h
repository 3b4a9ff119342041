/*
 * owner_name.h: the domain names that dance handles.
 *
 * A name is the presentation format of RFC 1035 without the trailing dot, made
 * of letters, digits, hyphens and underscores (draft-ietf-dance-client-auth,
 * section 7: names should need no \DDD). Everything else is refused, so that
 * no other spelling of a name exists than its letter case. All pure functions.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_OWNER_NAME_H
#define DANCE_OWNER_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define DANCE_NAME_MAX 253u /* octets: 255 in wire format */
#define DANCE_LABEL_MAX 63u

/* What is wrong with a name of len octets, in an operator's words; NULL when nothing is. */
const char *dance_owner_name_fault(const char *name, size_t len);

/* Copy a checked name of len <= DANCE_NAME_MAX octets in lower case, NUL-terminated. */
void dance_owner_name_lower(char out[DANCE_NAME_MAX + 1], const char *name, size_t len);

/* The same name in DNS terms (RFC 4343)? Octets beyond ASCII letters must be equal. */
bool dance_owner_name_equal(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
