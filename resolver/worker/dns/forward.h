/*
 * forward.h: dns.forward as settings for libunbound. Pure.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_FORWARD_H
#define DANCE_FORWARD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Turn "ADDRESS[@PORT][#NAME], ..." into the text of an unbound.conf. With a
 * #NAME queries go by TLS, and the certificate must be for NAME; all entries
 * have one or none has, because libunbound knows TLS only for a zone's servers
 * together. 1, with *tls saying which; or 0 with *fault set to a static text.
 */
int forward_to_config(const char *list, char *out, size_t size, bool *tls, const char **fault);

#endif
