/*
 * anchor.h: the trust anchors of this worker.
 *
 * The file is read here, once, and libunbound is given what was found in it record by record: it
 * never sees the file, so what was looked at is what is believed. The form is that of a zone file
 * (RFC 1035, section 5.1) with DS and DNSKEY records alone, for one zone or several, and that of
 * the state files in which RFC 5011 is kept ("state=2" in the comment behind a key). Of these only
 * keys in the states VALID (2) and MISSING (3) count, and no key counts whose REVOKE flag is set.
 * Anything else in the file is a fault, with the number of its line, and then none of it counts.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_ANCHOR_H
#define DANCE_ANCHOR_H

#include <stdbool.h>
#include <stddef.h>

#define ANCHOR_NAME_MAX 254 /* octets of an owner name, with the trailing dot */

struct anchor {
    struct anchor *next;
    char owner[ANCHOR_NAME_MAX + 1]; /* absolute, lower case */
    unsigned algorithm;
    unsigned digest_type; /* of a DS record; 0: this is a DNSKEY */
    char record[];        /* as libunbound is given it */
};

/* Read the file in place of what was read before. false with *fault (static), in an operator's
 * words, when no use can be made of it. */
bool anchors_read(const char *path, const char **fault);

/* The same with its text of len octets. Exposed for tests. */
bool anchors_parse(const char *text, size_t len, const char **fault);

/* Those that count, in the file's order. */
const struct anchor *anchors_first(void);

/* One at the closest zone that a name (absolute, lower case) is in; NULL: none is above it. */
const struct anchor *anchor_over(const char *name);

void anchors_forget(void);

#endif
