/*
 * page.h: clients are told what no longer counts of what they keep (generation.h).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_PAGE_H
#define DANCE_PAGE_H

#include "generation.h"

#include <stdbool.h>

/*
 * Give the page to the other end of a new conversation: the first message on it. false: it was not
 * sent, and then the conversation is to end: its client would keep what cannot be taken back.
 */
bool page_send(int conversation, const struct dance_generation *generation);

#endif
