/*
 * policy.h: what the server section means for a connection.
 *
 * Faults close: a section with a fault refuses every client that presents a
 * certificate, and every client at all if its policy is, or may have been
 * meant as, require.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_POLICY_H
#define DANCE_POLICY_H

#include "config.h"

struct dance_rules {
    bool active;       /* dance acts as a server at all */
    bool ask;          /* always ask for a certificate, TLS 1.3 at least, none is a refusal */
    bool name_needed;  /* a client that presents a certificate without dane_clientid is refused */
    bool strict;       /* the application cannot overrule a refusal */
    const char *fault; /* not NULL: every name is refused, because of this */
};

/* Pure. */
struct dance_rules dance_policy_rules(const struct dance_config *config);

#endif
