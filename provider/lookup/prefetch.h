/*
 * prefetch.h: the resolver is told which names to look up ahead.
 *
 * With prefetch = yes the names of allow and allow_file that have no wildcard
 * are given to the resolver, each list in a sealed memfd over a conversation
 * that stays open: as long as a process of the application holds it, the
 * resolver keeps these names looked up. For a long allow_file that is the memory
 * which all processes share, and nothing is copied. A changed allow_file, or
 * another resolver, is given the list again.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_LOOKUP_PREFETCH_H
#define DANCE_LOOKUP_PREFETCH_H

/* See to it that the resolver has the list. Costs next to nothing but once a second; never waits.
 */
void dance_prefetch_offer(void);

#endif
