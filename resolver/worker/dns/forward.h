/*
 * forward.h: dns.forward, read.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_FORWARD_H
#define DANCE_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define FORWARD_MAX 32
#define FORWARD_ENTRY_MAX 320

/* Resolvers to ask, each as libunbound reads it: ADDRESS@PORT, or ADDRESS@PORT#NAME when tls. */
struct forward {
    size_t count;
    bool tls;
    char entry[FORWARD_MAX][FORWARD_ENTRY_MAX];
};

/*
 * Read "ADDRESS[@PORT][#NAME], ...". With a #NAME queries go by TLS, and the
 * certificate must be for NAME; all entries have one or none has, because
 * libunbound knows TLS only for a zone's servers together. NULL, or what is
 * wrong (static).
 */
const char *forward_read(const char *list, struct forward *out);

/*
 * Read the nameserver lines of a resolv.conf, as the C library does: a line
 * whose address cannot be read is none. But all of them count, not three.
 * NULL, or what is wrong (static).
 */
const char *forward_read_system(FILE *file, struct forward *out);

#endif
