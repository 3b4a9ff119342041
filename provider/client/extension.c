/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "client/extension.h"

#include "client/credential.h"
#include "log.h"
#include "names/clientid.h"
#include "openssl/compat.h"
#include "process.h"
#include "server/connection.h"

#include <openssl/err.h>
#include <string.h>

/* client.servers: may this server learn the identity? */
static bool may_learn(const SSL *ssl)
{
    const struct dance_config *config = dance_config();
    const char *server = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    size_t len = server != NULL ? strlen(server) : 0;

    if (config->servers == NULL)
        return false;
    if (len > 0 && server[len - 1] == '.')
        len--;
    if (len == 0)
        return dance_patterns_any(config->servers);
    return dance_patterns_match(config->servers, server, len);
}

/*
 * The application's certificate, if it has the key as well: libssl never sends one without. Tcl
 * loads the first certificate of OpenSSL's default file, an authority's, into each SSL_CTX.
 */
static const X509 *certificate_in_use(const SSL *ssl)
{
    return SSL_get_privatekey(ssl) != NULL ? SSL_get_certificate(ssl) : NULL;
}

/*
 * Has the application a credential for this connection? Its client_cert_cb is
 * asked, because libssl would not ask it any more once ours is in place; where
 * it answers, libssl will ask it again.
 */
static bool application_has_credential(SSL *ssl)
{
    int (*ask)(SSL *, X509 **, EVP_PKEY **) = SSL_CTX_get_client_cert_cb(SSL_get_SSL_CTX(ssl));
    X509 *certificate = NULL;
    EVP_PKEY *key = NULL;
    int answer;

    if (certificate_in_use(ssl) != NULL)
        return true;
    if (ask == NULL)
        return false;
    ERR_set_mark();
    answer = ask(ssl, &certificate, &key);
    ERR_pop_to_mark();
    X509_free(certificate);
    EVP_PKEY_free(key);
    return answer != 0; /* negative: it wants to be asked later */
}

/* By content: the application may have read the same key by itself. */
static bool is_ours(const EVP_PKEY *key)
{
    struct dance_credential *credential = key != NULL ? dance_credential_get() : NULL;
    bool same;

    if (credential == NULL)
        return false;
    ERR_set_mark();
    same = EVP_PKEY_eq(key, credential->key) == 1;
    ERR_pop_to_mark();
    dance_credential_free(credential);
    return same;
}

/* Take back what was lent to ssl, unless the application has put its own there. */
static void take_back(SSL *ssl)
{
    struct dance_connection *c = dance_connection_find(ssl);

    if (c == NULL || c->lent == NULL)
        return;
    if (certificate_in_use(ssl) == c->lent)
        SSL_certs_clear(ssl);
    X509_free(c->lent);
    c->lent = NULL;
}

/* Put the credential on ssl for this connection. */
static void lend(SSL *ssl, const struct dance_credential *credential)
{
    struct dance_connection *c = dance_connection_get(ssl);

    if (c == NULL)
        return;
    ERR_set_mark();
    if (SSL_use_cert_and_key(ssl, credential->leaf, credential->key, credential->chain, 1) != 1)
        dance_log(DANCE_LOG_ERROR, "libssl does not take the credential of %s: %s",
                  dance_config()->identity, ERR_reason_error_string(ERR_peek_last_error()));
    else if (X509_up_ref(credential->leaf))
        c->lent = credential->leaf;
    ERR_pop_to_mark();
}

void dance_client_start(SSL *ssl)
{
    const X509 *applications;
    struct dance_credential *credential;

    /* The application has made the SSL ready for another connection, maybe to another server. */
    take_back(ssl);
    applications = certificate_in_use(ssl);
    if (!dance_config()->offer_raw_key || dance_raw_key_settled(ssl) || !may_learn(ssl))
        return;
    /* What a client_cert_cb will answer is not known yet, and would be sent as a key, unnamed. */
    if (SSL_CTX_get_client_cert_cb(SSL_get_SSL_CTX(ssl)) != NULL
        || (applications != NULL && !is_ours(X509_get0_pubkey(applications))))
        return;
    credential = dance_credential_get();
    if (credential != NULL)
        (void)dance_raw_key_enable(ssl);
    dance_credential_free(credential);
}

void dance_client_does_not_sign(SSL *ssl)
{
    const struct dance_connection *c = dance_connection_find(ssl);

    if (c != NULL && c->lent != NULL)
        dance_credential_does_not_sign(ssl);
}

int dance_client_parse_request(SSL *ssl, const unsigned char *data, size_t len, int *alert)
{
    const unsigned char *name;
    size_t name_len;
    struct dance_credential *credential;

    *alert = SSL_AD_DECODE_ERROR;
    if (!dance_clientid_decode(data, len, &name, &name_len))
        return 0;
    *alert = SSL_AD_ILLEGAL_PARAMETER;
    if (name_len != 0)
        return 0;
    /* Asked once more, after the handshake: the credential may have changed since. */
    take_back(ssl);
    if (!may_learn(ssl) || application_has_credential(ssl))
        return 1;
    credential = dance_credential_get();
    if (credential != NULL)
        lend(ssl, credential);
    dance_credential_free(credential);
    return 1;
}

int dance_client_add_certificate(SSL *ssl, const unsigned char **out, size_t *out_len, X509 *leaf,
                                 size_t entry, int *alert)
{
    const struct dance_config *config = dance_config();
    const EVP_PKEY *key = leaf != NULL ? X509_get0_pubkey(leaf) : SSL_get_privatekey(ssl);
    unsigned char *data = NULL;

    if (entry != 0 || !may_learn(ssl) || !is_ours(key))
        return 0;
    *alert = SSL_AD_INTERNAL_ERROR;
    data = OPENSSL_malloc(DANCE_CLIENTID_MAX);
    if (data == NULL)
        return -1;
    *out_len = dance_clientid_encode(data, config->identity, strlen(config->identity));
    *out = data;
    dance_log(DANCE_LOG_DEBUG, "sent the identity %s to %s", config->identity,
              SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) != NULL
                  ? SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)
                  : "a server without a name");
    return 1;
}
