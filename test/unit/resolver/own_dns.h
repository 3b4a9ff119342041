/*
 * own_dns.h: a DNS of a test's own, dns.h's functions. Of one lookup at a time, in the context
 * OWN_DNS_CONTEXT.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_TEST_OWN_DNS_H
#define DANCE_TEST_OWN_DNS_H

#include "worker/dns/dns.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* The last that was begun. */
static struct {
    char name[300];
    int type;
    void *arg;
    ub_callback_type callback;
} started;
static int count;    /* of lookups so far */
static int fails_at; /* this one cannot be begun */
static int cancelled = -1;
static char asked[1000]; /* "TYPE NAME " of all */

int dns_start(int context, const char *name, int type, void *arg, ub_callback_type callback,
              int *id)
{
    cr_expect_eq(context, OWN_DNS_CONTEXT);
    if (++count == fails_at)
        return UB_NOMEM;
    (void)snprintf(started.name, sizeof(started.name), "%s", name);
    (void)snprintf(asked + strlen(asked), sizeof(asked) - strlen(asked), "%d %s ", type, name);
    started.type = type;
    started.arg = arg;
    started.callback = callback;
    *id = count;
    return 0;
}

void dns_cancel(int context, int id)
{
    cr_expect_eq(context, OWN_DNS_CONTEXT);
    cancelled = id;
}

#endif
