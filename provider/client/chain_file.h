/*
 * chain_file.h: a DNSSEC chain (chain.h) is read from a file, whole or not at all.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLIENT_CHAIN_FILE_H
#define DANCE_CLIENT_CHAIN_FILE_H

#include "chain.h"
#include "stamp.h"

#include <stddef.h>
#include <stdint.h>

#define DANCE_CHAIN_FILE_WHY_MAX 128

/*
 * Its octets, and of what they are in *stamp; their number, or 0, with the reason, where it can be
 * no chain. What they are worth is not looked at. Waits for nothing but the file system.
 */
size_t dance_chain_file_read(const char *path, uint8_t octets[DANCE_CHAIN_MAX],
                             struct dance_file_stamp *stamp, char why[DANCE_CHAIN_FILE_WHY_MAX]);

#endif
