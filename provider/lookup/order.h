/*
 * order.h: the resolver is asked to make the list of a long allow_file.
 *
 * It does that in a thread, once for all processes of an application, and nobody
 * waits for it here: who ordered looks now and then whether it has come.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_LOOKUP_ORDER_H
#define DANCE_LOOKUP_ORDER_H

#include "kept_fd.h"

#include <stdbool.h>
#include <stddef.h>

enum dance_order_state {
    DANCE_ORDER_WAITS,
    DANCE_ORDER_CAME,    /* *list is a memfd (patterns.h), the caller's */
    DANCE_ORDER_REFUSED, /* the file is faulty */
    DANCE_ORDER_LOST     /* the resolver has ended */
};

/* Order it for a file that is open for reading; file stays the caller's. The conversation on which
 * it will come; its fd is -1, with the reason in why, where the resolver cannot be had. */
struct dance_kept_fd dance_order_send(int file, char *why, size_t why_size);

/* What became of it, without waiting; *order is closed and none unless it waits still. */
enum dance_order_state dance_order_look(struct dance_kept_fd *order, int *list, char *why,
                                        size_t why_size);

#endif
