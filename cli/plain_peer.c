/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "plain_peer.h"

#include "client/load.h"
#include "names/clientid.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

bool plain_ask_for(SSL *ssl, const char *server_name)
{
    char name[PLAIN_PEER_SAYS_MAX];

    (void)snprintf(name, sizeof(name), "%s", server_name != NULL ? server_name : "");
    return *name == '\0' || SSL_set_tlsext_host_name(ssl, name) == 1;
}

/* A key on P-256, and a certificate for it. */
static bool use_credential(SSL_CTX *ctx, const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key != NULL ? dance_credential_self_signed(key, name, NULL) : NULL;
    bool good = certificate != NULL && SSL_CTX_use_certificate(ctx, certificate) == 1
                && SSL_CTX_use_PrivateKey(ctx, key) == 1;

    X509_free(certificate);
    EVP_PKEY_free(key);
    return good;
}

/* Until the other side has done as well. */
static void wait_for_end(SSL *ssl)
{
    char octets[64];

    while (SSL_read(ssl, octets, sizeof(octets)) > 0)
        continue;
}

static int add_name(SSL *ssl, unsigned type, unsigned context, const unsigned char **out,
                    size_t *out_len, X509 *certificate, size_t entry, int *alert, void *arg)
{
    static unsigned char data[DANCE_CLIENTID_MAX];
    const char *name = arg;

    (void)ssl;
    (void)type;
    (void)certificate;
    (void)alert;
    if (context != SSL_EXT_TLS1_3_CERTIFICATE || entry > 0)
        return 0;
    *out_len = dance_clientid_encode(data, name, strlen(name));
    *out = data;
    return 1;
}

static int add_empty(SSL *ssl, unsigned type, unsigned context, const unsigned char **out,
                     size_t *out_len, X509 *certificate, size_t entry, int *alert, void *arg)
{
    (void)ssl;
    (void)type;
    (void)certificate;
    (void)entry;
    (void)alert;
    (void)arg;
    if (context != SSL_EXT_TLS1_3_CERTIFICATE_REQUEST)
        return 0;
    *out = dance_clientid_empty;
    *out_len = sizeof(dance_clientid_empty);
    return 1;
}

/* What a client is asked, or says. */
struct heard {
    char name[DANCE_CLIENTID_MAX];
    size_t len;
};

static int take_name(SSL *ssl, unsigned type, unsigned context, const unsigned char *in, size_t len,
                     X509 *certificate, size_t entry, int *alert, void *arg)
{
    struct heard *heard = arg;
    const unsigned char *name;
    size_t name_len;

    (void)ssl;
    (void)type;
    (void)certificate;
    (void)alert;
    if (heard == NULL || context != SSL_EXT_TLS1_3_CERTIFICATE || entry > 0
        || !dance_clientid_decode(in, len, &name, &name_len))
        return 1;
    memcpy(heard->name, name, name_len);
    heard->len = name_len;
    return 1;
}

/* name: is to last as long as ctx. */
static bool speaks(SSL_CTX *ctx, unsigned extension_type, SSL_custom_ext_add_cb_ex add, char *name,
                   struct heard *heard)
{
    return SSL_CTX_add_custom_ext(ctx, extension_type,
                                  SSL_EXT_TLS1_3_ONLY | SSL_EXT_TLS1_3_CERTIFICATE_REQUEST
                                      | SSL_EXT_TLS1_3_CERTIFICATE,
                                  add, NULL, name, take_name, heard)
           == 1;
}

void plain_visit(int fd, const struct plain_visitor *visitor)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    char name[DANCE_CLIENTID_MAX];
    SSL *ssl = NULL;

    (void)snprintf(name, sizeof(name), "%s",
                   visitor->name != NULL ? visitor->name : PLAIN_PEER_MADE_UP);
    if (ctx != NULL && (!visitor->certificate || use_credential(ctx, name))
        && (visitor->name == NULL || speaks(ctx, visitor->extension_type, add_name, name, NULL)))
        ssl = SSL_new(ctx);
    if (ssl != NULL && SSL_set_fd(ssl, fd) == 1 && plain_ask_for(ssl, visitor->server_name)
        && SSL_connect(ssl) == 1 && SSL_write(ssl, ".", 1) == 1)
        wait_for_end(ssl);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

/* Its signature is what counts here; whose it is the DNS would tell. */
static int take_any(int good, X509_STORE_CTX *store)
{
    (void)good;
    (void)store;
    return 1;
}

static void tell(SSL *ssl, const struct heard *heard)
{
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    char text[PLAIN_PEER_SAYS_MAX] = {PLAIN_PEER_NOTHING};
    size_t len = 1;

    if (certificate != NULL)
        text[0] = heard->len > 0 ? PLAIN_PEER_NAME : PLAIN_PEER_CERTIFICATE;
    if (text[0] == PLAIN_PEER_NAME) {
        memcpy(text + 1, heard->name, heard->len);
        len += heard->len;
    }
    X509_free(certificate);
    if (SSL_write(ssl, text, (int)len) == (int)len)
        wait_for_end(ssl);
}

void plain_host(int fd, unsigned extension_type, bool asks)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    struct heard heard = {.len = 0};
    SSL *ssl = NULL;

    if (ctx != NULL && use_credential(ctx, PLAIN_PEER_MADE_UP)
        && (!asks || speaks(ctx, extension_type, add_empty, NULL, &heard))) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, take_any);
        ssl = SSL_new(ctx);
    }
    if (ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1)
        tell(ssl, &heard);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}
