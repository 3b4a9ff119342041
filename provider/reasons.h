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

/*
 * The one list: from it come the enumeration, the texts and what libcrypto is
 * given, so that no reason can be without its text. New ones go to the end,
 * because the numbers are on error queues.
 */
#define DANCE_REASONS(X)                                                                           \
    X(CONFIGURATION, "the configuration of dance has a fault")                                     \
    X(MEMORY, "out of memory")                                                                     \
    X(INTERNAL, "internal error")                                                                  \
    X(EXTENSION_MALFORMED, "the dane_clientid extension does not parse")                           \
    X(EXTENSION_MISPLACED, "dane_clientid is not on the first CertificateEntry, where it belongs") \
    X(EXTENSION_ABSENT, "the client did not send dane_clientid")                                   \
    X(NAME_EMPTY, "the client sent an empty ClientName")                                           \
    X(NAME_MALFORMED, "the ClientName is not an acceptable owner name")                            \
    X(NAME_NOT_ALLOWED, "no pattern of allow matches the ClientName")                              \
    X(NAME_CHANGED, "the identity of a connection may not change")                                 \
    X(SESSION, "the session that it resumes is not one that DANE made")                            \
    X(SESSION_OVER, "the session has outlived the TLSA record")                                    \
    X(CERTIFICATE_NAMES, "the certificate names somebody else than the ClientName")                \
    X(CERTIFICATE_ABSENT, "the client sent no certificate")                                        \
    X(PROTOCOL_VERSION, "DANE client authentication needs TLS 1.3")                                \
    X(TLSA_ABSENT, "there is no TLSA record")                                                      \
    X(TLSA_INSECURE, "the TLSA record is not secured by DNSSEC")                                   \
    X(TLSA_BOGUS, "the TLSA record failed DNSSEC validation")                                      \
    X(TLSA_FAILED, "the TLSA lookup failed")                                                       \
    X(TLSA_BUSY, "too many TLSA lookups are in flight")                                            \
    X(TLSA_UNUSABLE, "no TLSA record of the client is usable here")                                \
    X(TLSA_NO_MATCH, "no TLSA record authenticates what the client presented")                     \
    X(RESOLVER, "dance-resolver cannot be reached")                                                \
    X(NOT_VERIFIED,                                                                                \
      "the application let the client pass without DANE, which policy require forbids")            \
    X(RAW_KEY, "raw public keys are not accepted here")                                            \
    X(STORE_URI, "the dane: URI is not acceptable")                                                \
    X(STORE_SEARCH, "a dane: store can only be searched for a subject")                            \
    X(APPLICATION_REFUSED, "the application's own verification refused the client")                \
    X(SIGNATURE, "the client does not hold the key that it presents")                              \
    X(PSK_EMPTY, "the ClientHello has an empty list of pre-shared keys")                           \
    X(UNREACHED, "an SSL_CTX that dance does not see must not be made")                            \
    X(CHAIN, "the client's DNSSEC chain does not hold")                                            \
    X(CHAIN_ABSENT, "the client brought no DNSSEC chain")

enum dance_reason {
    DANCE_R_NONE = 0,
    DANCE_R_BEFORE_FIRST = 99, /* no reason: the list begins with 100 */
#define DANCE_REASON_NUMBER(name, text) DANCE_R_##name,
    DANCE_REASONS(DANCE_REASON_NUMBER)
#undef DANCE_REASON_NUMBER
};

/* Give libcrypto the library name and the texts; once per process, before any dance_raise(). */
void dance_reasons_load(void);

/* Why a lookup brought no records: the reason of a status other than DANCE_WIRE_SECURE. */
enum dance_reason dance_reason_of_status(enum dance_wire_status status);

/* Octets that a code may have, its end included. */
#define DANCE_REASON_CODE_MAX 48

/*
 * The reason as a word for programs that read the log: its name in the list, as tlsa-no-match.
 * Filters look for it, so a name in the list never changes. "none" for what is none.
 */
void dance_reason_code(enum dance_reason reason, char code[DANCE_REASON_CODE_MAX]);

/* The text of a reason; never NULL, "no reason" for what is none. */
const char *dance_reason_text(enum dance_reason reason);

/* Put a reason on this thread's error queue, with detail (may be NULL) behind its text. */
void dance_raise_at(const char *file, int line, const char *func, enum dance_reason reason,
                    const char *detail);
#define dance_raise(reason, detail) dance_raise_at(__FILE__, __LINE__, __func__, (reason), (detail))

#endif
