/*
 * compat.h: what differs between the OpenSSL releases that dance is built with.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_COMPAT_H
#define DANCE_COMPAT_H

#include <openssl/opensslv.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdbool.h>

/* When a session was made, in seconds since 1970. */
static inline long long dance_session_time(const SSL_SESSION *session)
{
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
    return (long long)SSL_SESSION_get_time_ex(session);
#else
    return (long long)SSL_SESSION_get_time(session);
#endif
}

/* Raw public keys (RFC 7250) came with OpenSSL 3.2: none is ever negotiated before. */
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
#define DANCE_RAW_KEYS 1
#define DANCE_EXT_RAW_KEY SSL_EXT_TLS1_3_RAW_PUBLIC_KEY
#else
#define DANCE_RAW_KEYS 0
#define DANCE_EXT_RAW_KEY 0u
#endif

/* The client of this connection presents a raw public key: so it was agreed. */
static inline bool dance_raw_key_negotiated(const SSL *ssl)
{
#if DANCE_RAW_KEYS
    return SSL_get_negotiated_client_cert_type(ssl) == TLSEXT_cert_type_rpk;
#else
    (void)ssl;
    return false;
#endif
}

/* The raw public key that is being verified, or NULL when it is a certificate. */
static inline EVP_PKEY *dance_raw_key_of(const X509_STORE_CTX *store_ctx)
{
#if DANCE_RAW_KEYS
    return X509_STORE_CTX_get0_rpk(store_ctx);
#else
    (void)store_ctx;
    return NULL;
#endif
}

/* The raw public key that the peer presented, now or in the session that is resumed, or NULL. */
static inline EVP_PKEY *dance_raw_key_peer(const SSL *ssl)
{
#if DANCE_RAW_KEYS
    return SSL_get0_peer_rpk(ssl);
#else
    (void)ssl;
    return NULL;
#endif
}

/* Prepare store_ctx for the verification of a raw public key. */
static inline int dance_raw_key_init(X509_STORE_CTX *store_ctx, X509_STORE *store, EVP_PKEY *key)
{
#if DANCE_RAW_KEYS
    return X509_STORE_CTX_init_rpk(store_ctx, store, key);
#else
    (void)store_ctx;
    (void)store;
    (void)key;
    return 0;
#endif
}

/* Somebody has said already which types of client certificate are taken on ssl. */
static inline bool dance_raw_key_settled(const SSL *ssl)
{
#if DANCE_RAW_KEYS
    unsigned char *types = NULL;
    size_t len = 0;

    return SSL_get0_client_cert_type(ssl, &types, &len) && types != NULL && len > 0;
#else
    (void)ssl;
    return true;
#endif
}

/* Take raw public keys of clients on ssl, rather than certificates, but those as well. */
static inline int dance_raw_key_enable(SSL *ssl)
{
#if DANCE_RAW_KEYS
    static const unsigned char types[] = {TLSEXT_cert_type_rpk, TLSEXT_cert_type_x509};

    return SSL_set1_client_cert_type(ssl, types, sizeof(types));
#else
    (void)ssl;
    return 0;
#endif
}

/* The same for every SSL that is made from ctx. */
static inline int dance_raw_key_enable_ctx(SSL_CTX *ctx)
{
#if DANCE_RAW_KEYS
    static const unsigned char types[] = {TLSEXT_cert_type_rpk, TLSEXT_cert_type_x509};

    return SSL_CTX_set1_client_cert_type(ctx, types, sizeof(types));
#else
    (void)ctx;
    return 0;
#endif
}

#endif
