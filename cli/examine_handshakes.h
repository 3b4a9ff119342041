/*
 * examine_handshakes.h: handshakes are tried with the sections, see handshake.h.
 *
 * Of a server: who must not be let in is not, and the client of the same file is. Of a client: a
 * server that asks is told who it is and sees the key's signature, and one that servers does not
 * name is told nothing.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_EXAMINE_HANDSHAKES_H
#define DANCE_CLI_EXAMINE_HANDSHAKES_H

#include "examination.h"
#include "trial.h"

/* After examine_files(), with a file that has no fault: without any lookup. */
void examine_handshakes(struct examination *x, const struct trial_user *user);

/* After examine_dns(), with a file that has no fault: those that need the DNS. */
void examine_validated(struct examination *x, const struct trial_user *user);

#endif
