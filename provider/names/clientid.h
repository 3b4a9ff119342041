/*
 * clientid.h: the extension_data of dane_clientid
 * (draft-ietf-dance-client-auth-13, section 7): opaque ClientName<0..2^8-1>.
 * Pure functions.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_NAMES_CLIENTID_H
#define DANCE_NAMES_CLIENTID_H

#include <stddef.h>

/* The largest extension_data: a length octet and a ClientName. */
#define DANCE_CLIENTID_MAX 256u

/* The extension_data with a zero-length ClientName, of 1 octet, as servers send it. */
extern const unsigned char dance_clientid_empty[1];

/*
 * Decode strictly: 1 with *name and *len pointing into data (*len may be 0); 0
 * when data is not exactly one ClientName: empty, the length too large or too
 * small, octets left over.
 */
int dance_clientid_decode(const unsigned char *data, size_t data_len, const unsigned char **name,
                          size_t *len);

/* Encode a name of at most 255 octets; the octets written. */
size_t dance_clientid_encode(unsigned char out[DANCE_CLIENTID_MAX], const char *name, size_t len);

#endif
