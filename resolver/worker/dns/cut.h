/*
 * cut.h: what is above a domain hears of nothing below it (RFC 9156's purpose).
 *
 * libunbound's qname-minimisation asks for each label on the way, keeps none of
 * these answers, and so asks three questions one after the other for each name of a
 * zone that it knows. With it off there is one, but libunbound asks the registry's
 * servers for the whole name whenever it does not know the domain's: at first, and
 * again when the TTL of their addresses has ended. So they are asked for first, by
 * the names of the domain and of its servers, and a name within the domain
 * only as long as these are known: the root's and the registries' servers
 * never see more of it than the registrable domain. Where that is no zone of its
 * own, the way goes on label by label.
 *
 * Left over: that all servers of a domain fall silent is noticed by a lookup in
 * flight. libunbound asks the registry for them anew, with that lookup's name, if what
 * the registry said before has ended by then. And what a walk was told in the last moment of its
 * TTL may end before the name's lookup begins; with a TTL of 0 it always does.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CUT_H
#define DANCE_CUT_H

#include "worker/dns/relay.h"

#include <stdbool.h>
#include <unbound.h>

#define CUT_CONTEXTS 5

/*
 * As relay_start(), with qname-minimisation off, in the context
 * with that number. name: lower case, with the trailing dot. *id is where
 * it is until the callback has run or cut_cancel() was called: it changes on the way.
 * If the domain's servers cannot be found, what was the outcome of that is the callback's.
 */
int cut_start(struct relay *relay, int number, const char *name, int type, void *arg,
              ub_callback_type callback, int *id);

/* The callback will not run any more. false: the relay has the id. */
bool cut_cancel(struct relay *relay, int number, int id);

/* Forget everything, before the contexts are deleted. */
void cut_close(void);

#endif
