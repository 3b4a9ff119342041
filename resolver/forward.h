/*
 * forward.h: dns.forward as settings for libunbound. Pure.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_FORWARD_H
#define DANCE_FORWARD_H

#include <stddef.h>

/*
 * Turn "ADDRESS[@PORT][#NAME], ..." into the text of an unbound.conf. With a
 * #NAME queries go by TLS, and the certificate must be for NAME; all entries
 * have one or none has. 1, or 0 with *fault set to a static text.
 */
int forward_to_config(const char *list, char *out, size_t size, const char **fault);

#endif
