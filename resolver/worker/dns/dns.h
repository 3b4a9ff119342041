/*
 * dns.h: libunbound, set up for this.
 *
 * Two contexts, each with one worker thread (libunbound's own) and a cache.
 * libunbound answers from its cache until the TTL has ended, so what is to be
 * looked up before that is looked up in the other context. Each also has an
 * opinion of its own of which servers are slow or down: names that anybody can
 * make up, and that may never be answered, are for the first one alone. After
 * dns_open() nothing here waits: results come by dns_process() when dns_fd() is readable.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_DNS_H
#define DANCE_DNS_H

#include "options.h"

#include <unbound.h>

#define DNS_CONTEXTS 2
#define DNS_FOR_STRANGERS 0
#define DNS_FOR_KNOWN 1

#define DNS_TYPE_TLSA 52

/*
 * Set libunbound up and make it read its files and start its threads, while
 * that can be done. sockets: UDP sockets that the first context may have open
 * at a time; the other has half of that. 0 with *why set (static)
 * when something is wrong: then every lookup is to fail with that.
 */
int dns_open(const struct options *options, unsigned sockets, const char **why);
void dns_close(void);

/* Readable when dns_process() has something to do; -1 when dns_open() failed. */
int dns_fd(int context);

/* Run the callbacks of what has arrived. 0 when libunbound has come to an end. */
int dns_process(int context);

/*
 * Begin the lookup of the RRset of a type (DNS_TYPE_TLSA) at a name (absolute, with the trailing
 * dot, in lower case). The callback runs from dns_process() and owns the result (ub_resolve_free()).
 * 0 with *id, which stays where it is and may change until then; or libunbound's error.
 */
int dns_start(int context, const char *name, int type, void *arg, ub_callback_type callback,
              int *id);

/* The callback of this lookup will not run any more. */
void dns_cancel(int context, int id);

#endif
