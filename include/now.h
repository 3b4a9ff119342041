/*
 * now.h: the clock by which waits are measured.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_NOW_H
#define DANCE_NOW_H

/* Milliseconds of CLOCK_MONOTONIC. */
long long dance_now_ms(void);

#endif
