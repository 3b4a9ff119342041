/*
 * must.h: what has to be true in a fuzz target, with its line where it is not.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_FUZZ_MUST_H
#define DANCE_FUZZ_MUST_H

#include <stdio.h>
#include <stdlib.h>

#define must(...)                                                                                  \
    do {                                                                                           \
        if (!(__VA_ARGS__)) {                                                                      \
            (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #__VA_ARGS__);        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
