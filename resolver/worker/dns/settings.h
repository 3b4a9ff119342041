/*
 * settings.h: what libunbound is told before its first lookup.
 *
 * Ours first, then the operator's file. What makes an answer secure, and for
 * how long it is, is not for that file to say: one that does is refused.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_SETTINGS_H
#define DANCE_SETTINGS_H

#include "options.h"

#include <stdbool.h>
#include <unbound.h>

/* A name that libunbound answers itself, whatever it was told. */
#define SETTINGS_OWN_NAME "dance-resolver.invalid."

/*
 * libunbound answers these itself, so that a signed zone there, with an anchor
 * of its own, would never be asked. What remains are names that no zone can
 * have: localhost and its reverses, onion, invalid.
 */
#define SETTINGS_UNBLOCKED                                                                         \
    " unblock-lan-zones: yes\n local-zone: \"test\" nodefault\n"                                   \
    " local-zone: \"home.arpa\" nodefault\n local-zone: \"resolver.arpa\" nodefault\n"             \
    " local-zone: \"service.arpa\" nodefault\n"

/*
 * Set a new context up. sockets: UDP sockets that it may have open at a time.
 * true with *tls saying whether it forwards over TLS; or false with *why set
 * (static).
 */
bool settings_apply(struct ub_ctx *context, const struct options *options, unsigned sockets,
                    bool *tls, const char **why);

/*
 * From the root to the name by ourselves, with nothing that an operator told libunbound of the way:
 * then names are minimised by cut.h, and not by libunbound.
 */
bool settings_own_way(const struct options *options);

/* A fault in an operator's words (static): libunbound's own if there are any, else detail. */
const char *settings_fault(const char *what, const char *detail);

/* The files that settings_apply() reads, NULL at the end (static). */
const char *const *settings_files(const struct options *options);

/* What was set up to be asked, for a reason: "; forward is 192.0.2.1@53, ...", or empty (static).
 */
const char *settings_forwarding(void);

#endif
