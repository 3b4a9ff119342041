/*
 * taking_server: a TLS server that takes every callback OpenSSL has, and asks nobody.
 *
 *   -p PORT -c CERTIFICATE -k KEY -a CA; -w KEY  an external pre-shared key, in hex
 *   -l          list what can be taken: "NAME WHERE...", where is "ctx", "ssl" and "all"
 *   -t NAMES    take these, with commas between, on the SSL_CTX; "all" stands for those of
 *               the list that say so
 *   -s NAMES    take these on each SSL, before its handshake
 *   -o NAMES    take these on the SSL_CTX that "servername-switch" and "other-context" switch to,
 *               which otherwise takes what -t says
 *   -L NAMES    take these on the SSL in the middle of its handshake, when one of the callbacks
 *               "hello-late", ..., "request-late" is called
 *   -z          and drop the verify mode in each callback of ours, whenever that is
 *   -m          the method that has TLS 1.2 and nothing else
 *   -V          ask everybody, and want a certificate
 *   -d TEXT     the application's own data in tickets, by "ticket-data"
 *   -f FOLDER   "session-new" and "session-get" keep sessions there, for other processes
 *
 * It prints "accept N" for each connection, N being what the handshake came to, and then
 * "read nothing", or "read LINE, peer SUBJECT, verify result N, resumed N"; what it says of
 * the peer it answers, too. Early data (take "early") is printed as "early LINE".
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* -m */
#include "ignore.h"
#include "serve.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <poll.h>

static struct {
    const char *of_ctx, *of_ssl, *of_other, *late, *data, *folder;
    int list, dropping, asking, old;
} option;

/* What a connection does besides its callbacks, taken by name as well. */
static struct {
    int none_each_time, early, stateless, more_tickets;
} habit;

static SSL_CTX *served, *other;

/* Each callback says that it was called. Some get a const SSL; it is the application's own. */
static void called(const SSL *ssl)
{
    if (option.dropping && ssl != NULL)
        SSL_set_verify((SSL *)(uintptr_t)ssl, SSL_VERIFY_NONE, NULL);
}

static void take_on_ssl(SSL *ssl, const char *names);

/* An application that makes up its mind when it knows more of its client. */
static int change(SSL *ssl)
{
    called(ssl);
    take_on_ssl(ssl, option.late);
    return 1;
}

static void on_info(const SSL *ssl, int where, int ret)
{
    (void)where;
    (void)ret;
    called(ssl);
}

static void on_message(int sent, int version, int type, const void *message, size_t len, SSL *ssl,
                       void *arg)
{
    (void)sent;
    (void)version;
    (void)type;
    (void)message;
    (void)len;
    (void)arg;
    called(ssl);
}

static void on_extension(SSL *ssl, int sent, int type, const unsigned char *data, int len,
                         void *arg)
{
    (void)sent;
    (void)type;
    (void)data;
    (void)len;
    (void)arg;
    called(ssl);
}

static int on_hello(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    (void)arg;
    called(ssl);
    return SSL_CLIENT_HELLO_SUCCESS;
}

static int on_hello_late(SSL *ssl, int *alert, void *arg)
{
    (void)change(ssl);
    return on_hello(ssl, alert, arg);
}

static int on_certificate_late(SSL *ssl, void *arg)
{
    (void)arg;
    return change(ssl);
}

/* When the CertificateRequest is sent. */
static void on_message_late(int sent, int version, int type, const void *message, size_t len,
                            SSL *ssl, void *arg)
{
    on_message(sent, version, type, message, len, ssl, arg);
    if (sent && type == SSL3_RT_HANDSHAKE && len > 0
        && *(const unsigned char *)message == SSL3_MT_CERTIFICATE_REQUEST)
        (void)change(ssl);
}

static int on_certificate(SSL *ssl, void *arg)
{
    (void)arg;
    called(ssl);
    return 1;
}

static int on_client_certificate(SSL *ssl, X509 **x509, EVP_PKEY **pkey)
{
    (void)x509;
    (void)pkey;
    called(ssl);
    return 0;
}

static int on_servername(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    (void)arg;
    called(ssl);
    return SSL_TLSEXT_ERR_OK;
}

/* As nginx does for its virtual servers. */
static int on_servername_switch(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    (void)arg;
    SSL_set_SSL_CTX(ssl, other);
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(other), SSL_CTX_get_verify_callback(other));
    SSL_set_verify_depth(ssl, SSL_CTX_get_verify_depth(other));
    (void)SSL_clear_options(ssl, SSL_get_options(ssl) & ~SSL_CTX_get_options(other));
    (void)SSL_set_options(ssl, SSL_CTX_get_options(other));
    called(ssl);
    return SSL_TLSEXT_ERR_OK;
}

static int on_servername_no_ticket(SSL *ssl, int *alert, void *arg)
{
    (void)SSL_set_options(ssl, SSL_OP_NO_TICKET);
    (void)SSL_set_num_tickets(ssl, 0);
    return on_servername(ssl, alert, arg);
}

static int on_servername_late(SSL *ssl, int *alert, void *arg)
{
    (void)change(ssl);
    return on_servername(ssl, alert, arg);
}

static int on_servername_none(SSL *ssl, int *alert, void *arg)
{
    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    return on_servername(ssl, alert, arg);
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned in_len, void *arg)
{
    (void)in_len;
    (void)arg;
    called(ssl);
    /* The first that the client offers. */
    *out = in + 1;
    *out_len = in[0];
    return SSL_TLSEXT_ERR_OK;
}

static int on_status(SSL *ssl, void *arg)
{
    (void)arg;
    called(ssl);
    return SSL_TLSEXT_ERR_NOACK;
}

static void called_in(X509_STORE_CTX *store_ctx)
{
    called(X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx()));
}

static int on_status_late(SSL *ssl, void *arg)
{
    (void)change(ssl);
    return on_status(ssl, arg);
}

static int verify(X509_STORE_CTX *store_ctx, void *arg)
{
    called_in(store_ctx);
    return verify_as_libssl(store_ctx, arg);
}

static int verify_and_forgive(X509_STORE_CTX *store_ctx, void *arg)
{
    (void)verify(store_ctx, arg);
    return trust_everybody(store_ctx, arg);
}

static int on_verify(int ok, X509_STORE_CTX *store_ctx)
{
    (void)ok;
    called_in(store_ctx);
    return 1;
}

/* The file of a session in the folder that servers share. */
static void path_of(const unsigned char *id, size_t len, char *path, size_t size)
{
    size_t used = (size_t)snprintf(path, size, "%s/", option.folder);

    for (size_t i = 0; i < len && used + 3 < size; i++)
        used += (size_t)snprintf(path + used, size - used, "%02x", id[i]);
}

static int on_session_new(SSL *ssl, SSL_SESSION *session)
{
    char path[1024];
    unsigned len;
    const unsigned char *id = SSL_SESSION_get_id(session, &len);
    unsigned char *der = NULL;
    int der_len;
    FILE *file;

    called(ssl);
    if (option.folder == NULL)
        return 0;
    path_of(id, len, path, sizeof(path));
    der_len = i2d_SSL_SESSION(session, &der);
    file = fopen(path, "wb");
    if (der_len <= 0 || file == NULL || fwrite(der, 1, (size_t)der_len, file) != (size_t)der_len
        || fclose(file) != 0)
        die(path);
    OPENSSL_free(der);
    return 0;
}

static SSL_SESSION *on_session_get(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    char path[1024];
    unsigned char der[16384];
    const unsigned char *at = der;
    size_t der_len;
    FILE *file;

    called(ssl);
    *copy = 0;
    if (option.folder == NULL || len <= 0)
        return NULL;
    path_of(id, (size_t)len, path, sizeof(path));
    file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    der_len = fread(der, 1, sizeof(der), file);
    (void)fclose(file);
    return d2i_SSL_SESSION(NULL, &at, (long)der_len);
}

static void on_session_remove(SSL_CTX *ctx, SSL_SESSION *session)
{
    (void)ctx;
    (void)session;
}

static int on_ticket_made(SSL *ssl, void *arg)
{
    const char *data = option.data != NULL ? option.data : "the application's own";

    (void)arg;
    called(ssl);
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), data, strlen(data));
}

static SSL_TICKET_RETURN on_ticket_read(SSL *ssl, SSL_SESSION *session,
                                        const unsigned char *key_name, size_t len,
                                        SSL_TICKET_STATUS status, void *arg)
{
    (void)session;
    (void)key_name;
    (void)len;
    (void)arg;
    called(ssl);
    if (status == SSL_TICKET_SUCCESS)
        return SSL_TICKET_RETURN_USE;
    return status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE_RENEW
                                              : SSL_TICKET_RETURN_IGNORE_RENEW;
}

static int on_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *ctx,
                         EVP_MAC_CTX *mac, int encrypt)
{
    unsigned char key[32] = "the key that every server has";
    char sha256[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key, sizeof(key)),
                           OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
                           OSSL_PARAM_construct_end()};

    called(ssl);
    if (encrypt) {
        memset(name, 'k', 16);
        if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1)
            return -1;
    }
    return EVP_CipherInit_ex(ctx, EVP_aes_256_cbc(), NULL, key, iv, encrypt) == 1
                   && EVP_MAC_CTX_set_params(mac, params) == 1
               ? 1
               : -1;
}

static int on_ticket_key_none(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *ctx,
                              EVP_MAC_CTX *mac, int encrypt)
{
    (void)name;
    (void)iv;
    (void)ctx;
    (void)mac;
    (void)encrypt;
    called(ssl);
    return 0;
}

static int on_not_resumable(SSL *ssl, int forward_secure)
{
    (void)forward_secure;
    called(ssl);
    return 1;
}

static int on_psk_find(SSL *ssl, const unsigned char *identity, size_t len, SSL_SESSION **session)
{
    called(ssl);
    return find_psk(ssl, identity, len, session);
}

static unsigned on_psk_server(SSL *ssl, const char *identity, unsigned char *psk, unsigned max)
{
    called(ssl);
    return (unsigned)common_psk((const unsigned char *)identity, strlen(identity), psk, max);
}

static int on_psk_use(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *len,
                      SSL_SESSION **session)
{
    (void)md;
    (void)id;
    (void)len;
    called(ssl);
    *session = NULL;
    return 1;
}

static unsigned on_psk_client(SSL *ssl, const char *hint, char *identity, unsigned max_identity,
                              unsigned char *psk, unsigned max)
{
    (void)hint;
    (void)identity;
    (void)max_identity;
    (void)psk;
    (void)max;
    called(ssl);
    return 0;
}

static void on_secret(const SSL *ssl, const char *line)
{
    (void)line;
    called(ssl);
}

static size_t on_padding(SSL *ssl, int type, size_t len, void *arg)
{
    (void)type;
    (void)arg;
    called(ssl);
    return 15 - len % 16;
}

static int on_session_id(SSL *ssl, unsigned char *id, unsigned *len)
{
    called(ssl);
    return RAND_bytes(id, (int)*len);
}

static int on_early_data(SSL *ssl, void *arg)
{
    (void)arg;
    called(ssl);
    return 1;
}

static int on_password(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return 0;
}

static int on_async(SSL *ssl, void *arg)
{
    (void)arg;
    called(ssl);
    return 1;
}

static int on_cookie(SSL *ssl, unsigned char *cookie, unsigned *len)
{
    called(ssl);
    memcpy(cookie, "cookie", *len = 6);
    return 1;
}

static int on_cookie_back(SSL *ssl, const unsigned char *cookie, unsigned len)
{
    (void)cookie;
    (void)len;
    called(ssl);
    return 1;
}

static int on_stateless_cookie(SSL *ssl, unsigned char *cookie, size_t *len)
{
    called(ssl);
    memcpy(cookie, "cookie", *len = 6);
    return 1;
}

static int on_stateless_cookie_back(SSL *ssl, const unsigned char *cookie, size_t len)
{
    (void)cookie;
    (void)len;
    called(ssl);
    return 1;
}

static int on_session_secret(SSL *ssl, void *secret, int *len, STACK_OF(SSL_CIPHER) * ciphers,
                             const SSL_CIPHER **cipher, void *arg)
{
    (void)secret;
    (void)len;
    (void)ciphers;
    (void)cipher;
    (void)arg;
    called(ssl);
    return 0;
}

static int on_own_extension(SSL *ssl, unsigned type, unsigned context, const unsigned char **out,
                            size_t *len, X509 *x, size_t entry, int *alert, void *arg)
{
    (void)type;
    (void)context;
    (void)out;
    (void)len;
    (void)x;
    (void)entry;
    (void)alert;
    (void)arg;
    called(ssl);
    return 0;
}

static int on_security_yes(const SSL *ssl, const SSL_CTX *ctx, int op, int bits, int nid,
                           void *thing, void *ex)
{
    (void)ctx;
    (void)op;
    (void)bits;
    (void)nid;
    (void)thing;
    (void)ex;
    called(ssl);
    return 1;
}

/* As openssl's own programs do it: whatever was there has its say. */
typedef int security_callback(const SSL *, const SSL_CTX *, int, int, int, void *, void *);
static security_callback *found_on_ctx, *found_on_ssl;

static int on_security_ctx(const SSL *ssl, const SSL_CTX *ctx, int op, int bits, int nid,
                           void *thing, void *ex)
{
    called(ssl);
    return found_on_ctx(ssl, ctx, op, bits, nid, thing, ex);
}

static int on_security_ssl(const SSL *ssl, const SSL_CTX *ctx, int op, int bits, int nid,
                           void *thing, void *ex)
{
    called(ssl);
    return found_on_ssl(ssl, ctx, op, bits, nid, thing, ex);
}

static void chain_on_ctx(SSL_CTX *ctx)
{
    found_on_ctx = SSL_CTX_get_security_callback(ctx);
    SSL_CTX_set_security_callback(ctx, on_security_ctx);
}

static void chain_on_ssl(SSL *ssl)
{
    if (SSL_get_security_callback(ssl) == on_security_ssl)
        return;
    found_on_ssl = SSL_get_security_callback(ssl);
    SSL_set_security_callback(ssl, on_security_ssl);
}

/* The first ClientHello is answered by a HelloRetryRequest with a cookie, and forgotten. */
static void be_stateless(SSL *ssl)
{
    SSL_CTX_set_stateless_cookie_generate_cb(SSL_get_SSL_CTX(ssl), on_stateless_cookie);
    SSL_CTX_set_stateless_cookie_verify_cb(SSL_get_SSL_CTX(ssl), on_stateless_cookie_back);
    habit.stateless = 1;
}

static const unsigned char own_id_context[] = "the application's";

/*
 * What can be taken: on ctx and on ssl, or on one of the two; in this order, so that the later of
 * two that exclude each other has the last word. 1: it is one of "all"; not so are alternatives,
 * and what would keep others of them from being called.
 */
#define TAKINGS(BOTH, CTX, SSL_)                                                                   \
    BOTH("info", 1, SSL_CTX_set_info_callback(ctx, on_info), SSL_set_info_callback(ssl, on_info))  \
    BOTH("message", 1, SSL_CTX_set_msg_callback(ctx, on_message),                                  \
         SSL_set_msg_callback(ssl, on_message))                                                    \
    SSL_("extension-debug", 1, SSL_set_tlsext_debug_callback(ssl, on_extension))                   \
    CTX("hello", 1, SSL_CTX_set_client_hello_cb(ctx, on_hello, NULL))                              \
    BOTH("certificate", 1, SSL_CTX_set_cert_cb(ctx, on_certificate, NULL),                         \
         SSL_set_cert_cb(ssl, on_certificate, NULL))                                               \
    CTX("client-certificate", 1, SSL_CTX_set_client_cert_cb(ctx, on_client_certificate))           \
    CTX("servername", 0, SSL_CTX_set_tlsext_servername_callback(ctx, on_servername))               \
    CTX("servername-no-ticket", 0,                                                                 \
        SSL_CTX_set_tlsext_servername_callback(ctx, on_servername_no_ticket))                      \
    CTX("servername-none", 0, SSL_CTX_set_tlsext_servername_callback(ctx, on_servername_none))     \
    CTX("servername-switch", 1, SSL_CTX_set_tlsext_servername_callback(ctx, on_servername_switch)) \
    SSL_("other-context", 1, SSL_set_SSL_CTX(ssl, other))                                          \
    CTX("alpn", 1, SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL))                                 \
    CTX("status", 1, SSL_CTX_set_tlsext_status_cb(ctx, on_status))                                 \
    CTX("verify-null", 0, SSL_CTX_set_cert_verify_callback(ctx, NULL, NULL))                       \
    CTX("verify-libssl", 0, SSL_CTX_set_cert_verify_callback(ctx, verify, NULL))                   \
    CTX("verify-forgive", 0, SSL_CTX_set_cert_verify_callback(ctx, verify_and_forgive, NULL))      \
    CTX("verify-yes", 1, SSL_CTX_set_cert_verify_callback(ctx, trust_everybody, NULL))             \
    BOTH("verify-callback", 1, SSL_CTX_set_verify(ctx, SSL_CTX_get_verify_mode(ctx), on_verify),   \
         SSL_set_verify(ssl, SSL_get_verify_mode(ssl), on_verify))                                 \
    BOTH("mode-once", 0, SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, NULL),  \
         SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, NULL))                      \
    BOTH("mode-later", 0,                                                                          \
         SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_POST_HANDSHAKE, NULL),               \
         SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_POST_HANDSHAKE, NULL))                   \
    SSL_("mode-none-each-time", 1, habit.none_each_time = 1)                                       \
    CTX("session-new", 1, SSL_CTX_sess_set_new_cb(ctx, on_session_new))                            \
    CTX("session-get", 1, SSL_CTX_sess_set_get_cb(ctx, on_session_get))                            \
    CTX("session-remove", 1, SSL_CTX_sess_set_remove_cb(ctx, on_session_remove))                   \
    CTX("session-cache-off", 0, SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF))           \
    BOTH("session-id-context", 1,                                                                  \
         SSL_CTX_set_session_id_context(ctx, own_id_context, sizeof(own_id_context) - 1),          \
         SSL_set_session_id_context(ssl, own_id_context, sizeof(own_id_context) - 1))              \
    CTX("ticket-data", 1,                                                                          \
        SSL_CTX_set_session_ticket_cb(ctx, on_ticket_made, on_ticket_read, NULL))                  \
    CTX("ticket-key-none", 0, SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket_key_none))       \
    CTX("ticket-key", 1, SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket_key))                 \
    BOTH("no-tickets", 0, SSL_CTX_set_num_tickets(ctx, 0), SSL_set_num_tickets(ssl, 0))            \
    BOTH("stateful", 0, SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET),                                \
         SSL_set_options(ssl, SSL_OP_NO_TICKET))                                                   \
    BOTH("not-resumable", 0, SSL_CTX_set_not_resumable_session_callback(ctx, on_not_resumable),    \
         SSL_set_not_resumable_session_callback(ssl, on_not_resumable))                            \
    BOTH("psk-find", 1, SSL_CTX_set_psk_find_session_callback(ctx, on_psk_find),                   \
         SSL_set_psk_find_session_callback(ssl, on_psk_find))                                      \
    BOTH("psk-server", 1, SSL_CTX_set_psk_server_callback(ctx, on_psk_server),                     \
         SSL_set_psk_server_callback(ssl, on_psk_server))                                          \
    BOTH("psk-use", 1, SSL_CTX_set_psk_use_session_callback(ctx, on_psk_use),                      \
         SSL_set_psk_use_session_callback(ssl, on_psk_use))                                        \
    BOTH("psk-client", 1, SSL_CTX_set_psk_client_callback(ctx, on_psk_client),                     \
         SSL_set_psk_client_callback(ssl, on_psk_client))                                          \
    CTX("keylog", 1, SSL_CTX_set_keylog_callback(ctx, on_secret))                                  \
    BOTH("block-padding", 0, SSL_CTX_set_block_padding(ctx, 64), SSL_set_block_padding(ssl, 64))   \
    BOTH("record-padding", 1, SSL_CTX_set_record_padding_callback(ctx, on_padding),                \
         SSL_set_record_padding_callback(ssl, on_padding))                                         \
    BOTH("session-id", 1, SSL_CTX_set_generate_session_id(ctx, on_session_id),                     \
         SSL_set_generate_session_id(ssl, on_session_id))                                          \
    BOTH("allow-early-data", 1, SSL_CTX_set_allow_early_data_cb(ctx, on_early_data, NULL),         \
         SSL_set_allow_early_data_cb(ssl, on_early_data, NULL))                                    \
    BOTH("max-early-data", 1, SSL_CTX_set_max_early_data(ctx, 1000),                               \
         SSL_set_max_early_data(ssl, 1000))                                                        \
    SSL_("early", 0, habit.early = SSL_set_max_early_data(ssl, 1000))                              \
    BOTH("replays", 0, SSL_CTX_set_options(ctx, SSL_OP_NO_ANTI_REPLAY),                            \
         SSL_set_options(ssl, SSL_OP_NO_ANTI_REPLAY))                                              \
    BOTH("no-dhe-kex", 1, SSL_CTX_set_options(ctx, SSL_OP_ALLOW_NO_DHE_KEX),                       \
         SSL_set_options(ssl, SSL_OP_ALLOW_NO_DHE_KEX))                                            \
    BOTH("dh-auto", 1, SSL_CTX_set_dh_auto(ctx, 1), SSL_set_dh_auto(ssl, 1))                       \
    BOTH("password", 1, SSL_CTX_set_default_passwd_cb(ctx, on_password),                           \
         SSL_set_default_passwd_cb(ssl, on_password))                                              \
    BOTH("async", 1, SSL_CTX_set_async_callback(ctx, on_async),                                    \
         SSL_set_async_callback(ssl, on_async))                                                    \
    CTX("cookie", 1, SSL_CTX_set_cookie_generate_cb(ctx, on_cookie))                               \
    CTX("cookie-back", 1, SSL_CTX_set_cookie_verify_cb(ctx, on_cookie_back))                       \
    CTX("stateless-cookie", 1, SSL_CTX_set_stateless_cookie_generate_cb(ctx, on_stateless_cookie)) \
    CTX("stateless-cookie-back", 1,                                                                \
        SSL_CTX_set_stateless_cookie_verify_cb(ctx, on_stateless_cookie_back))                     \
    CTX("hello-late", 0, SSL_CTX_set_client_hello_cb(ctx, on_hello_late, NULL))                    \
    CTX("servername-late", 0, SSL_CTX_set_tlsext_servername_callback(ctx, on_servername_late))     \
    CTX("certificate-late", 0, SSL_CTX_set_cert_cb(ctx, on_certificate_late, NULL))                \
    CTX("status-late", 0, SSL_CTX_set_tlsext_status_cb(ctx, on_status_late))                       \
    CTX("request-late", 0, SSL_CTX_set_msg_callback(ctx, on_message_late))                         \
    SSL_("stateless", 0, be_stateless(ssl))                                                        \
    SSL_("more-tickets", 1, habit.more_tickets = 1)                                                \
    SSL_("method", 0, SSL_set_ssl_method(ssl, TLS_method()))                                       \
    SSL_("session-secret", 1, (void)SSL_set_session_secret_cb(ssl, on_session_secret, NULL))       \
    CTX("own-extension", 1,                                                                        \
        SSL_CTX_add_custom_ext(ctx, 65001,                                                         \
                               SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_3_CERTIFICATE_REQUEST           \
                                   | SSL_EXT_TLS1_3_CERTIFICATE                                    \
                                   | SSL_EXT_TLS1_3_NEW_SESSION_TICKET,                            \
                               on_own_extension, NULL, NULL, NULL, NULL))                          \
    BOTH("security-yes", 0, SSL_CTX_set_security_callback(ctx, on_security_yes),                   \
         SSL_set_security_callback(ssl, on_security_yes))                                          \
    BOTH("security-chain", 1, chain_on_ctx(ctx), chain_on_ssl(ssl))                                \
    BOTH("security-level-0", 1, SSL_CTX_set_security_level(ctx, 0),                                \
         SSL_set_security_level(ssl, 0))                                                           \
    BOTH("any-version", 1, SSL_CTX_set_min_proto_version(ctx, 0),                                  \
         SSL_set_min_proto_version(ssl, 0))                                                        \
    BOTH("quiet-shutdown", 1, SSL_CTX_set_quiet_shutdown(ctx, 1), SSL_set_quiet_shutdown(ssl, 1))

/* Is name in a list with commas between? */
static int is_in(const char *list, const char *name, int in_all)
{
    size_t len;

    for (const char *at = list; at != NULL && *at != '\0'; at += len + (at[len] == ',')) {
        len = strcspn(at, ",");
        if ((len == strlen(name) && strncmp(at, name, len) == 0)
            || (in_all && len == 3 && strncmp(at, "all", 3) == 0))
            return 1;
    }
    return 0;
}

#define NOTHING(...)
#define TAKE_1(NAME, IN_ALL, ACTION, ...)                                                          \
    if (is_in(names, NAME, IN_ALL))                                                                \
        ACTION;
#define TAKE_2(NAME, IN_ALL, IGNORED, ACTION) TAKE_1(NAME, IN_ALL, ACTION)

static void take_on_ctx(SSL_CTX *ctx, const char *names)
{
    TAKINGS(TAKE_1, TAKE_1, NOTHING)
}

static void take_on_ssl(SSL *ssl, const char *names)
{
    TAKINGS(TAKE_2, NOTHING, TAKE_1)
}

#define LIST(NAME, IN_ALL, WHERE) printf("%s %s%s\n", NAME, WHERE, IN_ALL ? " all" : "");
#define LIST_BOTH(NAME, IN_ALL, ...) LIST(NAME, IN_ALL, "ctx ssl")
#define LIST_CTX(NAME, IN_ALL, ...) LIST(NAME, IN_ALL, "ctx")
#define LIST_SSL(NAME, IN_ALL, ...) LIST(NAME, IN_ALL, "ssl")

static void list_takings(void)
{
    TAKINGS(LIST_BOTH, LIST_CTX, LIST_SSL)
}

#define COUNT(NAME, ...) known += is_in(names, NAME, 0);

/* A name that nobody knows would take nothing, and a test of it would pass. */
static void check_names(const char *names)
{
    int known = is_in(names, "all", 0);
    int wanted = 0;

    for (const char *at = names; at != NULL; at = strchr(at, ','), at += at != NULL)
        wanted++;
    TAKINGS(COUNT, COUNT, COUNT)
    if (known != wanted) {
        printf("an unknown name in %s\n", names);
        exit(2);
    }
}

/* OpenSSL 4 has none. */
static const SSL_METHOD *old_method(void)
{
#if OPENSSL_VERSION_NUMBER < 0x40000000L
    return TLSv1_2_server_method();
#else
    exit(2);
#endif
}

static SSL_CTX *make_context(const char *names)
{
    SSL_CTX *ctx = serving_context(
        option.old ? old_method() : TLS_server_method(),
        option.asking ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE, NULL);

    (void)SSL_CTX_set_session_cache_mode(
        ctx, SSL_SESS_CACHE_SERVER | (option.folder ? SSL_SESS_CACHE_NO_INTERNAL : 0));
    take_on_ctx(ctx, names);
    return ctx;
}

/* It has come in bounded time. */
static int wait_for(SSL *ssl, short events)
{
    struct pollfd waiting = {.fd = SSL_get_fd(ssl), .events = events};

    return poll(&waiting, 1, 60000) == 1;
}

/* What libssl would wait for has come. */
static int may_go_on(SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);

    return (error == SSL_ERROR_WANT_READ && wait_for(ssl, POLLIN))
           || (error == SSL_ERROR_WANT_WRITE && wait_for(ssl, POLLOUT));
}

/* As SSL_accept(), with what an application may do before and behind it. */
static int handshake(SSL *ssl)
{
    char line[512];
    size_t len = 0;
    int result;

    if (habit.stateless) {
        do {
            (void)wait_for(ssl, POLLIN);
            result = SSL_stateless(ssl);
        } while (result == 0);
        if (result < 0)
            return result;
    }
    if (habit.early) {
        do {
            result = SSL_read_early_data(ssl, line, sizeof(line), &len);
            if (result == SSL_READ_EARLY_DATA_SUCCESS)
                printf("early %.*s\n", (int)len, line);
        } while (result == SSL_READ_EARLY_DATA_SUCCESS
                 || (result == SSL_READ_EARLY_DATA_ERROR && may_go_on(ssl, -1)));
    }
    do {
        if (habit.none_each_time)
            SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
        result = SSL_do_handshake(ssl);
    } while (result != 1 && may_go_on(ssl, result));
    if (result == 1 && habit.more_tickets && SSL_version(ssl) == TLS1_3_VERSION
        && !SSL_new_session_ticket(ssl))
        die("SSL_new_session_ticket");
    return result;
}

int main(int argc, char *argv[])
{
    static const struct program_option table[] = {
        SERVING_OPTIONS,
        FLAG('l', option.list),
        TEXT('t', option.of_ctx),
        TEXT('s', option.of_ssl),
        TEXT('o', option.of_other),
        TEXT('L', option.late),
        FLAG('z', option.dropping),
        FLAG('V', option.asking),
        FLAG('m', option.old),
        TEXT('d', option.data),
        TEXT('f', option.folder),
        {0},
    };
    int listener;
    int fd;

    read_options(argc, argv, table);
    if (option.list) {
        list_takings();
        return 0;
    }
    check_names(option.of_ctx);
    check_names(option.of_ssl);
    check_names(option.of_other);
    check_names(option.late);
    serving_begin();
    other = make_context(option.of_other != NULL ? option.of_other : option.of_ctx);
    served = make_context(option.of_ctx);
    listener = listen_at(serving.port, 64);
    while (!ended && (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        SSL *ssl = SSL_new(served);

        if (ssl == NULL || !SSL_set_fd(ssl, fd))
            die("SSL_new");
        take_on_ssl(ssl, option.of_ssl);
        SSL_set_accept_state(ssl);
        ERR_clear_error();
        conclude(ssl, fd, handshake(ssl));
        SSL_free(ssl);
    }
    SSL_CTX_free(served);
    SSL_CTX_free(other);
    close(listener);
    return !ended;
}
