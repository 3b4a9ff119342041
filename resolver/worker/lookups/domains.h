/*
 * domains.h: how many lookups are in flight for each domain.
 *
 * A domain stands for its owner, whose servers may be slow: its last two labels,
 * or three where the last two look like a registry's (co.uk, com.au). That is
 * a guess, and good enough for sharing: registries with longer names count as
 * one owner.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_DOMAINS_H
#define DANCE_DOMAINS_H

#include <stddef.h>

struct domain;

/* Where in a name (no trailing dot) its domain begins. Pure. */
size_t domain_offset(const char *name, size_t len);

/* Lookups in flight in the domain of a name. */
unsigned domain_lookups(const char *name, size_t len);

/* One lookup more; NULL when out of memory. */
struct domain *domain_join(const char *name, size_t len);

/* One lookup less. */
void domain_leave(struct domain *domain);

#endif
