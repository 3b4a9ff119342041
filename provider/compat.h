/*
 * compat.h: what differs between the OpenSSL releases that dance is built with.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_COMPAT_H
#define DANCE_COMPAT_H

#include "binding.h"

#include <limits.h>
#include <openssl/ssl.h>

/*
 * When a session was made, in seconds since 1970. Where long has 64 bits the
 * old function says the same as the one of 3.3, and is in an older OpenSSL that
 * an application may carry (see binding.h).
 */
static inline long long dance_session_time(const SSL_SESSION *session)
{
#if OPENSSL_VERSION_NUMBER >= 0x30300000L && LONG_MAX == 0x7fffffffL
    return (long long)SSL_SESSION_get_time_ex(session);
#else
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    return (long long)SSL_SESSION_get_time(session);
#pragma GCC diagnostic pop
#endif
}

/* Is it one of the methods for QUIC clients, which 3.2 brought? */
static inline bool dance_is_quic_client(const SSL_METHOD *method)
{
    static const char *const names[] = {"OSSL_QUIC_client_method",
                                        "OSSL_QUIC_client_thread_method"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const SSL_METHOD *(*get)(void) =
            (const SSL_METHOD *(*)(void))dance_binding_optional(names[i]);

        if (get != NULL && get() == method)
            return true;
    }
    return false;
}

#endif
