/*
 * dns.h: libunbound, set up for this.
 *
 * One context with one worker thread (libunbound's own), one cache. After
 * dns_open() nothing here waits: results come by dns_process() when dns_fd()
 * is readable.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_DNS_H
#define DANCE_DNS_H

#include "options.h"

#include <unbound.h>

/*
 * Set libunbound up and make it read its files and start its thread, while
 * that can be done. sockets: UDP sockets that it may have open at a time. 0
 * with *why set (static) when something is wrong: then every lookup is to
 * fail with that.
 */
int dns_open(const struct options *options, unsigned sockets, const char **why);
void dns_close(void);

/* Readable when dns_process() has something to do; -1 when dns_open() failed. */
int dns_fd(void);

/* Run the callbacks of what has arrived. 0 when libunbound has come to an end. */
int dns_process(void);

/*
 * Begin the TLSA lookup of a name (absolute, with the trailing dot). The
 * callback runs from dns_process() and owns the result (ub_resolve_free()).
 * 0 with *id, or libunbound's error.
 */
int dns_start(const char *name, void *arg, ub_callback_type callback, int *id);

/* The callback of this lookup will not run any more. */
void dns_cancel(int id);

#endif
