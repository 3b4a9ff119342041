/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "client/extension.h"

#include "client/credential.h"
#include "client/kept_chain.h"
#include "client/unsent.h"
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

/* The one place where a client's state changes. */
static enum dance_client_action step(SSL *ssl, struct dance_connection *c,
                                     enum dance_client_event event)
{
    const struct dance_client_step next = dance_client_step(c->client, event);

    if (event == DANCE_CLIENT_END && c->client == DANCE_CLIENT_LENT)
        dance_unsent(ssl, DANCE_UNSENT_KEY);
    c->client = next.stage;
    /* Nor is it said that who asks next takes a chain. */
    if (event == DANCE_CLIENT_BEGIN || event == DANCE_CLIENT_BEGIN_KNOWN
        || event == DANCE_CLIENT_NEXT)
        c->chain_taken = false;
    if (next.action == DANCE_CLIENT_TAKE_BACK)
        dance_loan_end(ssl, &c->loan);
    return next.action;
}

/* The application has nothing to present for this request. */
static void lend(SSL *ssl, struct dance_connection *c)
{
    struct dance_credential *credential;
    int lent = 0;

    if (dance_client_step(c->client, DANCE_CLIENT_NOTHING).action != DANCE_CLIENT_LEND
        || dance_loan_needless(ssl))
        return;
    (void)step(ssl, c, DANCE_CLIENT_NOTHING);
    ERR_set_mark();
    credential = dance_credential_get();
    if (credential != NULL) {
        lent = dance_loan_make(ssl, &c->loan, credential->leaf, credential->key, credential->chain);
        if (!lent)
            dance_log(DANCE_LOG_ERROR, "libssl does not take the credential of %s: %s",
                      dance_config()->identity, ERR_reason_error_string(ERR_peek_last_error()));
    }
    ERR_pop_to_mark();
    dance_credential_free(credential);
    if (!lent)
        (void)step(ssl, c, DANCE_CLIENT_FAILED);
    else
        dance_gate_stand_before(ssl);
}

int dance_client_lend(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    struct dance_connection *c = dance_connection_find(ssl);

    if (c == NULL)
        return 0;
    lend(ssl, c);
    if (c->client != DANCE_CLIENT_LENT)
        return 0;
    *certificate = c->loan.leaf;
    *key = SSL_get_privatekey(ssl);
    /* libssl puts them where they are already, and compares them for that: which may complain. */
    c->queue_was_empty = ERR_peek_error() == 0;
    return X509_up_ref(*certificate) && EVP_PKEY_up_ref(*key);
}

/*
 * An application that has a client_cert_cb of its own is asked before libssl asks it, which it
 * would not do any more once ours is in place; where it answers, libssl will ask it again. Its
 * cert_cb comes later: what that puts on the SSL is seen, and ours makes way.
 */
static void ask_application(SSL *ssl, struct dance_connection *c)
{
    int (*ask)(SSL *, X509 **, EVP_PKEY **) = SSL_CTX_get_client_cert_cb(SSL_get_SSL_CTX(ssl));
    X509 *certificate = NULL;
    EVP_PKEY *key = NULL;
    int answer = 0;

    if (ask == dance_client_lend || c->client != DANCE_CLIENT_APPLICATIONS
        || dance_loan_needless(ssl))
        return;
    ERR_set_mark();
    if (ask != NULL)
        answer = ask(ssl, &certificate, &key);
    ERR_pop_to_mark();
    X509_free(certificate);
    EVP_PKEY_free(key);
    if (answer == 0) /* negative: it wants to be asked later */
        lend(ssl, c);
}

static void offer_raw_key(SSL *ssl, struct dance_connection *c)
{
    int (*ask)(SSL *, X509 **, EVP_PKEY **) = SSL_CTX_get_client_cert_cb(SSL_get_SSL_CTX(ssl));
    struct dance_credential *credential;

    /* To another server, before SSL_clear(). */
    if (c->raw_key_offered) {
        (void)dance_raw_key_withdraw(ssl);
        c->raw_key_offered = false;
    }
    if (!dance_config()->offer_raw_key || dance_raw_key_settled(ssl)
        || c->client != DANCE_CLIENT_KNOWN)
        return;
    /* What a client_cert_cb will answer is not known yet, and would be sent as a key, unnamed. */
    if ((ask != NULL && ask != dance_client_lend)
        || (dance_loan_needless(ssl) && !is_ours(SSL_get_privatekey(ssl))))
        return;
    credential = dance_credential_get();
    if (credential != NULL)
        c->raw_key_offered = dance_raw_key_enable(ssl) != 0;
    dance_credential_free(credential);
}

static void begin(SSL *ssl)
{
    /* By the name that goes into this ClientHello; without memory to know it by it is no friend. */
    const bool known = may_learn(ssl);
    struct dance_connection *c = known ? dance_connection_get(ssl) : dance_connection_find(ssl);

    if (c == NULL)
        return;
    (void)step(ssl, c, known ? DANCE_CLIENT_BEGIN_KNOWN : DANCE_CLIENT_BEGIN);
    if (known)
        dance_chain_open();
    offer_raw_key(ssl, c);
}

void dance_client_at(SSL *ssl, enum dance_client_moment moment, const X509 *certificate)
{
    struct dance_connection *c = dance_connection_find(ssl);

    if (moment == DANCE_CLIENT_AT_BEGIN) {
        /*
         * A forked child reads a token's key anew before OpenSSL does anything else with that
         * provider: not logged in, pkcs11-provider asks for a PIN to verify the server's signature.
         */
        dance_credential_open();
        begin(ssl);
    } else if (c == NULL)
        return;
    else if (moment == DANCE_CLIENT_AT_NEXT)
        (void)step(ssl, c, DANCE_CLIENT_NEXT);
    else if (moment == DANCE_CLIENT_AT_SERVER)
        ask_application(ssl, c);
    else if (moment == DANCE_CLIENT_AT_CERTIFICATE && certificate != c->loan.leaf)
        (void)step(ssl, c, DANCE_CLIENT_PUT);
    else if (moment == DANCE_CLIENT_AT_NO_SIGNATURE && c->loan.leaf != NULL)
        dance_credential_does_not_sign(ssl);
    else if (moment == DANCE_CLIENT_AT_END)
        (void)step(ssl, c, DANCE_CLIENT_END);
}

void dance_client_parse_request(SSL *ssl, const unsigned char *data, size_t len)
{
    struct dance_connection *c = dance_connection_find(ssl);
    const unsigned char *name;
    size_t name_len;

    /*
     * Somebody else's use of the number, until IANA assigns one: no business of ours. Nor may a
     * server learn the name now that was called by another in its ClientHello.
     */
    if (!dance_clientid_decode(data, len, &name, &name_len) || name_len != 0) {
        dance_log(DANCE_LOG_DEBUG, "%s uses the extension's number for something else",
                  dance_client_server(ssl));
        return;
    }
    if (c == NULL || c->client == DANCE_CLIENT_STRANGE || !may_learn(ssl)) {
        dance_unsent(ssl, DANCE_UNSENT_SERVER);
        return;
    }
    (void)step(ssl, c, DANCE_CLIENT_REQUEST);
    dance_gate_stand_before(ssl);
    /* After the handshake the server is known; in it its certificate is yet to come. */
    if (SSL_get_peer_finished(ssl, &(unsigned char){0}, 1) != 0)
        ask_application(ssl, c);
}

/* What the Certificate that is built means for the name. */
static enum dance_client_event event_of(SSL *ssl, const struct dance_connection *c, X509 *leaf)
{
    const EVP_PKEY *key = leaf != NULL ? X509_get0_pubkey(leaf) : SSL_get_privatekey(ssl);

    if (c->loan.leaf != NULL && (leaf != NULL ? leaf : SSL_get_certificate(ssl)) == c->loan.leaf)
        return DANCE_CLIENT_OURS;
    return is_ours(key) ? DANCE_CLIENT_SAME : DANCE_CLIENT_OTHERS;
}

bool dance_client_says_name(SSL *ssl, X509 *leaf)
{
    const struct dance_connection *c = dance_connection_find(ssl);

    return c != NULL
           && dance_client_step(c->client, event_of(ssl, c, leaf)).action == DANCE_CLIENT_NAME;
}

int dance_client_add_certificate(SSL *ssl, const unsigned char **out, size_t *out_len, X509 *leaf,
                                 size_t entry, int *alert)
{
    const struct dance_config *config = dance_config();
    struct dance_connection *c = entry == 0 ? dance_connection_find(ssl) : NULL;
    enum dance_client_event event;
    unsigned char *data = NULL;

    if (c == NULL)
        return 0;
    event = event_of(ssl, c, leaf);
    if (event == DANCE_CLIENT_OURS) {
        if (c->queue_was_empty)
            ERR_clear_error();
        c->queue_was_empty = false;
    }
    if (event == DANCE_CLIENT_OTHERS && c->client == DANCE_CLIENT_APPLICATIONS)
        dance_unsent(ssl, DANCE_UNSENT_APPLICATION);
    if (step(ssl, c, event) != DANCE_CLIENT_NAME)
        return 0;
    *alert = SSL_AD_INTERNAL_ERROR;
    data = OPENSSL_malloc(DANCE_CLIENTID_MAX);
    if (data == NULL)
        return -1;
    *out_len = dance_clientid_encode(data, config->identity, strlen(config->identity));
    *out = data;
    dance_log(DANCE_LOG_DEBUG, "sent the identity %s to %s", config->identity,
              dance_client_server(ssl));
    return 1;
}
