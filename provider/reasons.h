/*
 * reasons.h: why something was refused or could not be done.
 *
 * One list of reasons serves OpenSSL's error queue (library "dance"), the log
 * and the documentation (doc/messages.md has an entry for each). The texts are
 * written for the operator of the application.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_REASONS_H
#define DANCE_REASONS_H

#include "dance_wire.h"

enum dance_reason {
    DANCE_R_NONE = 0,
    DANCE_R_CONFIGURATION = 100,
    DANCE_R_MEMORY,
    DANCE_R_INTERNAL,
    DANCE_R_EXTENSION_MALFORMED,
    DANCE_R_EXTENSION_MISPLACED,
    DANCE_R_EXTENSION_ABSENT,
    DANCE_R_NAME_EMPTY,
    DANCE_R_NAME_MALFORMED,
    DANCE_R_NAME_NOT_ALLOWED,
    DANCE_R_NAME_CHANGED,
    DANCE_R_USED_AGAIN,
    DANCE_R_SESSION_OVER,
    DANCE_R_CERTIFICATE_NAMES,
    DANCE_R_CERTIFICATE_ABSENT,
    DANCE_R_PROTOCOL_VERSION,
    DANCE_R_TLSA_ABSENT,
    DANCE_R_TLSA_INSECURE,
    DANCE_R_TLSA_BOGUS,
    DANCE_R_TLSA_FAILED,
    DANCE_R_TLSA_BUSY,
    DANCE_R_TLSA_UNUSABLE,
    DANCE_R_TLSA_NO_MATCH,
    DANCE_R_RESOLVER,
    DANCE_R_NOT_VERIFIED,
    DANCE_R_RAW_KEY,
    DANCE_R_STORE_URI,
    DANCE_R_STORE_SEARCH
};

/* Give libcrypto the library name and the texts; once per process, before any dance_raise(). */
void dance_reasons_load(void);

/* Why a lookup brought no records: the reason of a status other than DANCE_WIRE_SECURE. */
enum dance_reason dance_reason_of_status(enum dance_wire_status status);

/* The text of a reason; never NULL. */
const char *dance_reason_text(enum dance_reason reason);

/* Put a reason on this thread's error queue, with detail (may be NULL) behind its text. */
void dance_raise_at(const char *file, int line, const char *func, enum dance_reason reason,
                    const char *detail);
#define dance_raise(reason, detail) dance_raise_at(__FILE__, __LINE__, __func__, (reason), (detail))

#endif
