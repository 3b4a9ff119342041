/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "openssl/compat.h"

#include <pthread.h>

const struct dance_raw_key_functions *dance_raw_key;
int (*dance_ssl_is_quic)(const SSL *ssl);

/* dance_binding_optional(), into a pointer to a function of any type. */
#define FIND(where, name)                                                                          \
    (((where)->name = (__typeof__((where)->name))dance_binding_optional(#name)) != NULL)

static void find(void)
{
    static struct dance_raw_key_functions found;

    if (DANCE_EXT_RAW_KEY != 0 && FIND(&found, SSL_get_negotiated_client_cert_type)
        && FIND(&found, SSL_get0_peer_rpk) && FIND(&found, SSL_get0_client_cert_type)
        && FIND(&found, SSL_set1_client_cert_type) && FIND(&found, SSL_CTX_set1_client_cert_type)
        && FIND(&found, SSL_SESSION_get0_peer_rpk) && FIND(&found, X509_STORE_CTX_get0_rpk)
        && FIND(&found, X509_STORE_CTX_init_rpk))
        dance_raw_key = &found;
    dance_ssl_is_quic = (int (*)(const SSL *))dance_binding_optional("SSL_is_quic");
}

void dance_compat_find(void)
{
    static pthread_once_t found = PTHREAD_ONCE_INIT;

    (void)pthread_once(&found, find);
}

void dance_compat_find_linked(void)
{
    /* It looks where all calls go, whichever core it is asked about. */
    (void)dance_binding_of(NULL);
    dance_compat_find();
}
