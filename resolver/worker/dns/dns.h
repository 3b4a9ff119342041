/*
 * dns.h: libunbound, set up for this.
 *
 * Five contexts, each with a worker thread (libunbound's own), a thread that
 * makes libunbound's calls (relay.h), and a cache. libunbound answers from its
 * cache until the TTL has ended, so what is to be looked up before that is
 * looked up in another context. Each also has an opinion of its own of which
 * servers are slow or down, and does one validation at a time: names that
 * anybody can make up, and that may never be answered, are for two of their
 * own, which share them, so that two processors can validate; what lately took
 * long or came to nothing has one, and so have domains that may yet do either.
 * After dns_open() nothing here waits: results come by dns_process() when
 * dns_fd() is readable.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_DNS_H
#define DANCE_DNS_H

#include "options.h"

#include <unbound.h>

#define DNS_FOR_STRANGERS 0 /* and the next: each name is for the same one of both always */
#define DNS_FOR_KNOWN 2
#define DNS_FOR_SUSPECTS 3 /* names of domains that lately answered bogus, or nothing */
#define DNS_FOR_NEW 4      /* names of domains of which nothing has been seen yet */
#define DNS_CONTEXTS 5

#define DNS_TYPE_TLSA 52

/*
 * Set libunbound up and make it read its files and start its threads, while
 * that can be done. sockets: UDP sockets that those for strangers may have open
 * at a time, together, and the one for new domains; that for known names has half
 * of that, that for suspects a quarter. 0 with *why set (static) when something is
 * wrong: then every lookup is to fail with that.
 */
int dns_open(const struct options *options, unsigned sockets, const char **why);

/* End the threads. Where libunbound is stuck they are left to the end of the process. */
void dns_close(void);

/* Readable when dns_process() has something to do; -1 when dns_open() failed. */
int dns_fd(int context);

/*
 * Readable when libunbound had no memory, for whatever: it may never say what became of a lookup,
 * of which nobody knows which. -1 when that cannot be known.
 */
int dns_no_memory_fd(void);

/* Run the callbacks of what has arrived. 0 when libunbound has come to an end. */
int dns_process(int context);

/*
 * Begin the lookup of the RRset of a type (DNS_TYPE_TLSA) at a name (absolute, with the trailing
 * dot, in lower case). The callback runs from dns_process() and owns the result
 * (ub_resolve_free()). 0 with *id, which stays where it is and may change until then; or
 * libunbound's error.
 */
int dns_start(int context, const char *name, int type, void *arg, ub_callback_type callback,
              int *id);

/* The callback of this lookup will not run any more. */
void dns_cancel(int context, int id);

/* The files that dns_open() reads, NULL at the end (static): a change of one wants a new process.
 */
const char *const *dns_files(const struct options *options);

/* Whom dns_open() was told to ask, to be put behind a reason: "; forward is 192.0.2.1@53, ...", or
 * empty. */
const char *dns_forwarding(void);

#endif
