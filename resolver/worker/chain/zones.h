/*
 * zones.h: which zone each record of a chain is of. Pure.
 *
 * It is that which signed it, and stands where that zone can have it. No zone has keys that are
 * confused with each other, or NSEC3 records that are not of one kind.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CHAIN_ZONES_H
#define DANCE_CHAIN_ZONES_H

#include "worker/chain/record.h"

/* Find them, of records whose signers are known. NULL, or what is wrong with them (static). */
const char *zones_find(struct records *records);

#endif
