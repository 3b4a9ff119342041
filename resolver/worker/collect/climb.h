/*
 * climb.h: the way of one chain, from a name up to the trust anchor.
 *
 * The TLSA RRset first; then, of each zone that signed something of what has come, its DNSKEY
 * RRset, and the DS RRset for it in the zone above, up to the uppermost zone that has a trust
 * anchor here and is reached securely: who validates the chain may have another anchor on the way.
 * One lookup after the other; libunbound has most of the answers by then, because it needed
 * them to validate the first. What is not secure ends the way.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLIMB_H
#define DANCE_CLIMB_H

#include "dance_wire_chain.h"

struct climb;

/* collected: without an id; good for the call. Called from dns_process(). */
typedef void climb_done(void *arg, const struct dance_wire_collected *collected);

/*
 * Begin with a name (absolute, lower case), which need not outlive the call. done() is called once,
 * unless climb_cancel() comes before. NULL: no lookup could be begun, and done() is not called.
 */
struct climb *climb_begin(const char *name, climb_done *done, void *arg);

/* done() will not be called any more. */
void climb_cancel(struct climb *climb);

#endif
