/*
 * waiting.h: wait until there is something to read, or room to write, or a deadline has passed.
 *
 * Inside an OpenSSL ASYNC job (SSL_MODE_ASYNC: s_server -async, HAProxy's
 * ssl-mode-async) the job is paused instead, and the application goes on with
 * other connections. No lock may be held here. The application is given one
 * descriptor, which turns readable when that is so or the deadline has passed; it belongs to the
 * SSL from then on and is closed with it, not before, because applications keep what they once were
 * given in their pollers. Where the SSL is freed while its job is paused, a conversation that was
 * waited for is closed as well.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_LOOKUP_WAITING_H
#define DANCE_LOOKUP_WAITING_H

#include "kept_fd.h"

enum dance_waited { DANCE_WAITED_READY, DANCE_WAITED_LATE, DANCE_WAITED_FAILED };

/* deadline: on the clock of dance_now_ms(). Does not take over fd, which nobody else uses. */
enum dance_waited dance_wait_readable(struct dance_kept_fd fd, long long deadline);

/* The same for room to write; fd may be others' as well, and is nobody's to close. */
enum dance_waited dance_wait_writable(struct dance_kept_fd fd, long long deadline);

#endif
