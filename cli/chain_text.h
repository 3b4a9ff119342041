/*
 * chain_text.h: a DNSSEC chain (chain.h) in words.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_CHAIN_TEXT_H
#define DANCE_CLI_CHAIN_TEXT_H

#include "chain.h"

/* A record as a line of a zone file, its data in the form of RFC 3597. To be freed by
 * OPENSSL_free(); NULL: out of memory. */
char *chain_text_record(const struct dance_chain_record *record);

#define CHAIN_TEXT_TIME 32
/* Seconds since 1970 as an operator reads them, in UTC. */
const char *chain_text_time(int64_t seconds, char out[CHAIN_TEXT_TIME]);

#endif
