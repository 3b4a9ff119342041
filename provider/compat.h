/*
 * compat.h: what differs between the OpenSSL releases that dance is built with.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_COMPAT_H
#define DANCE_COMPAT_H

#include <openssl/opensslv.h>
#include <openssl/ssl.h>

/* When a session was made, in seconds since 1970. */
static inline long long dance_session_time(const SSL_SESSION *session)
{
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
    return (long long)SSL_SESSION_get_time_ex(session);
#else
    return (long long)SSL_SESSION_get_time(session);
#endif
}

#endif
