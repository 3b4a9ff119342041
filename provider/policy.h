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

/*
 * How much is closed to a client; each level holds what the one before it does.
 * The first three are the policies mixed and dane, and dane as a fault leaves it.
 */
enum dance_level {
    DANCE_MIXED,  /* who says a name must prove it; others are the application's own affair */
    DANCE_DANE,   /* who presents a certificate must say a name; the application may go on */
    DANCE_CLOSED, /* nobody who presents a certificate gets in, whatever the application says */
    DANCE_REQUIRE /* nobody else than DANE clients gets in: they are asked, by TLS 1.3 */
};
#define DANCE_LEVELS (DANCE_REQUIRE + 1)

struct dance_rules {
    bool active; /* dance acts as a server at all */
    enum dance_level level;
    const char *fault; /* not NULL: every name is refused, because of this */
};

/* Pure. */
struct dance_rules dance_policy_rules(const struct dance_config *config);

#endif
