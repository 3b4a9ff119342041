/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "reasons.h"

#include <openssl/err.h>
#include <string.h>

/*
 * The first entry gets the library's number alone and so names the library.
 * libcrypto packs that number into the others, so the table cannot be const.
 */
static ERR_STRING_DATA texts[] = {
    {0, "dance"},
    {DANCE_R_CONFIGURATION, "the configuration of dance has a fault"},
    {DANCE_R_MEMORY, "out of memory"},
    {DANCE_R_INTERNAL, "internal error"},
    {DANCE_R_EXTENSION_MALFORMED, "the dane_clientid extension does not parse"},
    {DANCE_R_EXTENSION_MISPLACED,
     "dane_clientid is not on the first CertificateEntry, where it belongs"},
    {DANCE_R_EXTENSION_ABSENT, "the client did not send dane_clientid"},
    {DANCE_R_NAME_EMPTY, "the client sent an empty ClientName"},
    {DANCE_R_NAME_MALFORMED, "the ClientName is not an acceptable owner name"},
    {DANCE_R_NAME_NOT_ALLOWED, "no pattern of allow matches the ClientName"},
    {DANCE_R_NAME_CHANGED, "the identity of a connection may not change"},
    {DANCE_R_USED_AGAIN,
     "this connection was authenticated before, and the application verifies by itself"},
    {DANCE_R_SESSION_OVER, "the session has outlived the TLSA record"},
    {DANCE_R_CERTIFICATE_NAMES, "the certificate names somebody else than the ClientName"},
    {DANCE_R_CERTIFICATE_ABSENT, "the client sent no certificate"},
    {DANCE_R_PROTOCOL_VERSION, "DANE client authentication needs TLS 1.3"},
    {DANCE_R_TLSA_ABSENT, "there is no TLSA record"},
    {DANCE_R_TLSA_INSECURE, "the TLSA record is not secured by DNSSEC"},
    {DANCE_R_TLSA_BOGUS, "the TLSA record failed DNSSEC validation"},
    {DANCE_R_TLSA_FAILED, "the TLSA lookup failed"},
    {DANCE_R_TLSA_BUSY, "too many TLSA lookups are in flight"},
    {DANCE_R_TLSA_UNUSABLE, "no TLSA record of the client is usable here"},
    {DANCE_R_TLSA_NO_MATCH, "no TLSA record authenticates what the client presented"},
    {DANCE_R_RESOLVER, "dance-resolver cannot be reached"},
    {DANCE_R_NOT_VERIFIED,
     "the application let the client pass without DANE, which policy require forbids"},
    {DANCE_R_RAW_KEY, "raw public keys are not accepted here"},
    {DANCE_R_STORE_URI, "the dane: URI is not acceptable"},
    {DANCE_R_STORE_SEARCH, "a dane: store can only be searched for a subject"},
    {0, NULL},
};

static int library;

void dance_reasons_load(void)
{
    library = ERR_get_next_error_library();
    texts[0].error = ERR_PACK(library, 0, 0);
    ERR_load_strings(library, texts);
}

enum dance_reason dance_reason_of_status(enum dance_wire_status status)
{
    switch (status) {
    case DANCE_WIRE_ABSENT:
        return DANCE_R_TLSA_ABSENT;
    case DANCE_WIRE_INSECURE:
        return DANCE_R_TLSA_INSECURE;
    case DANCE_WIRE_BOGUS:
        return DANCE_R_TLSA_BOGUS;
    case DANCE_WIRE_FAILED:
        return DANCE_R_TLSA_FAILED;
    case DANCE_WIRE_BUSY:
        return DANCE_R_TLSA_BUSY;
    case DANCE_WIRE_SECURE:
        break;
    }
    return DANCE_R_INTERNAL;
}

const char *dance_reason_text(enum dance_reason reason)
{
    for (size_t i = 1; texts[i].string != NULL; i++) {
        if (ERR_GET_REASON(texts[i].error) == (int)reason)
            return texts[i].string;
    }
    return "unknown reason";
}

void dance_raise_at(const char *file, int line, const char *func, enum dance_reason reason,
                    const char *detail)
{
    ERR_new();
    ERR_set_debug(file, line, func);
    if (detail != NULL && *detail != '\0')
        ERR_set_error(library, (int)reason, "%s", detail);
    else
        ERR_set_error(library, (int)reason, NULL);
}
