/*
 * join.h: how two configurations of a process stand to each other, and what
 * they say together.
 *
 * What was written counts, and the default of what was not.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_JOIN_H
#define DANCE_JOIN_H

#include "config.h"

/* How a second configuration of a process stands to the first. */
enum dance_config_relation {
    DANCE_CONFIG_SAME, /* it says nothing that the first does not */
    DANCE_CONFIG_MORE, /* it plays a role of which the first says nothing */
    DANCE_CONFIG_OTHER /* it says something else than the first */
};

/* The top level, the client section, and the server and dns sections together are each compared as
 * a whole. key: the parameter that differs. */
enum dance_config_relation dance_config_compare(const struct dance_config *first,
                                                const struct dance_config *second,
                                                const char **key);

/* What both say, when the second says more. NULL only when out of memory. */
struct dance_config *dance_config_join(const struct dance_config *first,
                                       const struct dance_config *second);

#endif
