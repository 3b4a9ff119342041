/*
 * page.h: the page on which the resolver says that what it answered before is void (generation.h).
 *
 * It comes over each conversation, before the first answer; a process has the
 * one that came last, in one place. Where there is none nothing can be said to
 * be void, and so nothing is to be kept.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_LOOKUP_PAGE_H
#define DANCE_LOOKUP_PAGE_H

#include <stdbool.h>
#include <stdint.h>

struct dance_page;

/* None yet; NULL when out of memory. */
struct dance_page *dance_page_new(void);
void dance_page_free(struct dance_page *page);

/* Read this one from now on. Takes fd. false: it is none (or -1), and there is none from now on. */
bool dance_page_take(struct dance_page *page, int fd);

/* What it says now; 0 where there is none. No system call. */
uint64_t dance_page_generation(struct dance_page *page);

#endif
