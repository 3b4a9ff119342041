/*
 * explain.h: finds out why an answer is insecure, by further lookups (insecure.h says which).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_EXPLAIN_H
#define DANCE_EXPLAIN_H

#include <unbound.h>

struct explain;

/* text: the reason, in an operator's words; good for the call. Called from dns_process(). */
typedef void explain_done(void *arg, const char *text);

/*
 * Begin with the insecure result of a lookup of name (absolute) in a context of dns.h; result need
 * not outlive the call. At most INSECURE_QUESTIONS_MAX lookups follow, one after the other. done()
 * is called once, unless explain_cancel() comes before. NULL: nothing is to be looked up, or no
 * lookup could be begun; done() has been called.
 */
struct explain *explain_begin(int context, const char *name, const struct ub_result *result,
                              explain_done *done, void *arg);

/* done() will not be called any more. */
void explain_cancel(struct explain *explain);

#endif
