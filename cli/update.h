/*
 * update.h: a record by DNS dynamic update (RFC 2136), with nsupdate(1).
 *
 * nsupdate reads its commands from its standard input; no shell is involved.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_UPDATE_H
#define DANCE_CLI_UPDATE_H

#include "dance_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * nsupdate's input that adds a record, to be freed with OPENSSL_free(); NULL: out of memory.
 * server: NULL, or as update_server_fault() accepts it.
 */
char *update_text(const char *server, const char *owner, uint32_t ttl,
                  const struct dance_wire_record *record);

/* The same that removes this record, and none of the others at its name. */
char *update_removal(const char *server, const char *owner, const struct dance_wire_record *record);

/* What is wrong with NAME, ADDRESS or ADDRESS@PORT as a server; NULL: nothing (static). */
const char *update_server_fault(const char *server);

/*
 * Run nsupdate with this input. tsig: NULL, or the file of a key. What it has to say goes to
 * stderr. false with why; it is waited for for a minute.
 */
bool update_send(const char *text, const char *tsig, char *why, size_t why_size);

#endif
