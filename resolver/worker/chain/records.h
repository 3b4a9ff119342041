/*
 * records.h: the records of a chain, in their zones, and within bounds. Pure.
 *
 * A chain is a stranger's. Before libunbound sees it, all of it is looked at here:
 * that each RRset is signed, which zone signed it, that no zone has keys that
 * are confused with each other (KeyTrap), and that what there is to be computed is
 * no more than an honest chain needs. What is beyond a bound is refused as a whole.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_RECORDS_H
#define DANCE_RECORDS_H

#include "worker/chain/record.h"

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * Read a chain at a moment, by which its signatures must hold. NULL, or what is wrong with it
 * (static), in words for an operator. What was read points into the chain.
 */
const char *records_read(struct records *records, const uint8_t *octets, size_t len, time_t now);

#endif
