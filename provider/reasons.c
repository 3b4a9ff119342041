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
#define ENTRY(name, text) {DANCE_R_##name, text},
    DANCE_REASONS(ENTRY)
#undef ENTRY
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
    switch (reason) {
#define TEXT(name, text)                                                                           \
    case DANCE_R_##name:                                                                           \
        return text;
        DANCE_REASONS(TEXT)
#undef TEXT
    case DANCE_R_NONE:
    case DANCE_R_BEFORE_FIRST:
        break;
    }
    return "no reason";
}

#define FITS(name, text)                                                                           \
    _Static_assert(sizeof(#name) <= DANCE_REASON_CODE_MAX, "the code of " #name);
DANCE_REASONS(FITS)
#undef FITS

static const char *name_of(enum dance_reason reason)
{
    switch (reason) {
#define NAME(name, text)                                                                           \
    case DANCE_R_##name:                                                                           \
        return #name;
        DANCE_REASONS(NAME)
#undef NAME
    case DANCE_R_NONE:
    case DANCE_R_BEFORE_FIRST:
        break;
    }
    return "NONE";
}

void dance_reason_code(enum dance_reason reason, char code[DANCE_REASON_CODE_MAX])
{
    const char *name = name_of(reason);
    size_t at = 0;

    for (; name[at] != '\0' && at + 1 < DANCE_REASON_CODE_MAX; at++) {
        code[at] = name[at];
        if (code[at] >= 'A' && code[at] <= 'Z')
            code[at] = (char)(code[at] + ('a' - 'A'));
        else if (code[at] == '_')
            code[at] = '-';
    }
    code[at] = '\0';
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
