/*
 * compat.h: what differs between the OpenSSL releases that dance is built with.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_OPENSSL_COMPAT_H
#define DANCE_OPENSSL_COMPAT_H

#include "openssl/binding.h"

#include <limits.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdbool.h>
#include <stdlib.h>

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

/*
 * Raw public keys (RFC 7250) came with OpenSSL 3.2: none is ever negotiated
 * before. Both the release that this was built with and the one that it runs with
 * must have them; the functions are looked up, see binding.h.
 */
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
#define DANCE_EXT_RAW_KEY SSL_EXT_TLS1_3_RAW_PUBLIC_KEY
#else
#define DANCE_EXT_RAW_KEY 0u
#endif
#define DANCE_CERT_TYPE_X509 0 /* of IANA's "TLS Certificate Types" */
#define DANCE_CERT_TYPE_RAW_KEY 2

struct dance_raw_key_functions {
    int (*SSL_get_negotiated_client_cert_type)(const SSL *);
    EVP_PKEY *(*SSL_get0_peer_rpk)(const SSL *);
    int (*SSL_get0_client_cert_type)(const SSL *, unsigned char **, size_t *);
    int (*SSL_set1_client_cert_type)(SSL *, const unsigned char *, size_t);
    int (*SSL_CTX_set1_client_cert_type)(SSL_CTX *, const unsigned char *, size_t);
    EVP_PKEY *(*SSL_SESSION_get0_peer_rpk)(SSL_SESSION *);
    EVP_PKEY *(*X509_STORE_CTX_get0_rpk)(const X509_STORE_CTX *);
    int (*X509_STORE_CTX_init_rpk)(X509_STORE_CTX *, X509_STORE *, EVP_PKEY *);
};

/* All of them, or NULL where one is missing. Before dance_compat_find(): NULL. */
extern const struct dance_raw_key_functions *dance_raw_key;

/* Find what not every release has. Only after dance_binding_of() has answered "good". */
void dance_compat_find(void);

/* The same for a program that is linked with its OpenSSL, and loaded by no core. */
void dance_compat_find_linked(void);

/* The client of this connection presents a raw public key: so it was agreed. */
static inline bool dance_raw_key_negotiated(const SSL *ssl)
{
    return dance_raw_key != NULL
           && dance_raw_key->SSL_get_negotiated_client_cert_type(ssl) == DANCE_CERT_TYPE_RAW_KEY;
}

/* The raw public key that is being verified, or NULL when it is a certificate. */
static inline EVP_PKEY *dance_raw_key_of(const X509_STORE_CTX *store_ctx)
{
    return dance_raw_key != NULL ? dance_raw_key->X509_STORE_CTX_get0_rpk(store_ctx) : NULL;
}

/* The raw public key that the peer presented, now or in the session that is resumed, or NULL. */
static inline EVP_PKEY *dance_raw_key_peer(const SSL *ssl)
{
    return dance_raw_key != NULL ? dance_raw_key->SSL_get0_peer_rpk(ssl) : NULL;
}

/* The same of a session by itself. */
static inline EVP_PKEY *dance_raw_key_in(SSL_SESSION *session)
{
    return dance_raw_key != NULL ? dance_raw_key->SSL_SESSION_get0_peer_rpk(session) : NULL;
}

/* Prepare store_ctx for the verification of a raw public key. */
static inline int dance_raw_key_init(X509_STORE_CTX *store_ctx, X509_STORE *store, EVP_PKEY *key)
{
    return dance_raw_key != NULL && dance_raw_key->X509_STORE_CTX_init_rpk(store_ctx, store, key);
}

/* Somebody has said already which types of client certificate are taken on ssl. */
static inline bool dance_raw_key_settled(const SSL *ssl)
{
    unsigned char *types = NULL;
    size_t len = 0;

    return dance_raw_key == NULL
           || (dance_raw_key->SSL_get0_client_cert_type(ssl, &types, &len) && types != NULL
               && len > 0);
}

/* Raw public keys rather than certificates, but those as well. */
static const unsigned char dance_raw_key_types[] = {DANCE_CERT_TYPE_RAW_KEY, DANCE_CERT_TYPE_X509};

/* Take raw public keys of clients on ssl, or offer one. */
static inline int dance_raw_key_enable(SSL *ssl)
{
    return dance_raw_key != NULL
           && dance_raw_key->SSL_set1_client_cert_type(ssl, dance_raw_key_types,
                                                       sizeof(dance_raw_key_types));
}

/* As if nobody had said anything. */
static inline int dance_raw_key_withdraw(SSL *ssl)
{
    return dance_raw_key != NULL && dance_raw_key->SSL_set1_client_cert_type(ssl, NULL, 0);
}

/* Take raw public keys of clients on every SSL that is made from ctx. */
static inline int dance_raw_key_enable_ctx(SSL_CTX *ctx)
{
    return dance_raw_key != NULL
           && dance_raw_key->SSL_CTX_set1_client_cert_type(ctx, dance_raw_key_types,
                                                           sizeof(dance_raw_key_types));
}

/* Before libcrypto's end; from 4.0 on it has none of its own, and the C library's is all. */
static inline void dance_at_end(void (*done)(void))
{
#if OPENSSL_VERSION_NUMBER < 0x40000000L
    (void)OPENSSL_atexit(done);
#endif
    (void)atexit(done);
}

/* SSL_is_quic(), or NULL where libssl has no QUIC. Before dance_compat_find(): NULL. */
extern int (*dance_ssl_is_quic)(const SSL *ssl);

/*
 * A connection of libssl's own QUIC (3.2 and later). Its lock is held while
 * callbacks run, and libssl takes it, for QUIC, in SSL_get_options() and others
 * that look harmless: called from there they wait for ever.
 */
static inline bool dance_is_quic(const SSL *ssl)
{
    return dance_ssl_is_quic != NULL && dance_ssl_is_quic(ssl) != 0;
}

/* The version that was agreed; SSL_version() says QUIC's own for QUIC. */
static inline bool dance_is_tls13(const SSL *ssl)
{
    return dance_is_quic(ssl) || SSL_version(ssl) == TLS1_3_VERSION;
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
