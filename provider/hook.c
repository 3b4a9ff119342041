/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "hook.h"

#include "client/credential.h"
#include "client/extension.h"
#include "files/allow.h"
#include "log.h"
#include "lookup/channel.h"
#include "lookup/prefetch.h"
#include "openssl/binding.h"
#include "openssl/compat.h"
#include "process.h"
#include "reasons.h"
#include "server/connection.h"
#include "server/extension.h"
#include "server/gate.h"
#include "server/records.h"
#include "server/verdict.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

/* A client's Certificate message: with certificates, or with a raw public key. */
#define CLIENT_CERTIFICATE (SSL_EXT_TLS1_3_CERTIFICATE | DANCE_EXT_RAW_KEY)
#define CONTEXT                                                                                    \
    (SSL_EXT_TLS_ONLY | SSL_EXT_TLS1_3_ONLY | SSL_EXT_TLS1_3_CERTIFICATE_REQUEST                   \
     | CLIENT_CERTIFICATE | SSL_EXT_TLS1_3_NEW_SESSION_TICKET)

static int on_add(SSL *ssl, unsigned type, unsigned context, const unsigned char **out,
                  size_t *out_len, X509 *x, size_t entry, int *alert, void *arg)
{
    (void)type;
    (void)arg;
    if (context == SSL_EXT_TLS1_3_CERTIFICATE_REQUEST)
        return dance_server_add_request(ssl, out, out_len, alert);
    if (context == SSL_EXT_TLS1_3_NEW_SESSION_TICKET)
        return dance_server_add_ticket(ssl, alert);
    if ((context & CLIENT_CERTIFICATE) != 0 && !SSL_is_server(ssl))
        return dance_client_add_certificate(ssl, out, out_len, x, entry, alert);
    return 0;
}

static void on_free(SSL *ssl, unsigned type, unsigned context, const unsigned char *out, void *arg)
{
    (void)ssl;
    (void)type;
    (void)arg;
    if ((context & CLIENT_CERTIFICATE) != 0)
        OPENSSL_free((void *)(uintptr_t)out);
}

static int on_parse(SSL *ssl, unsigned type, unsigned context, const unsigned char *in,
                    size_t in_len, X509 *x, size_t entry, int *alert, void *arg)
{
    (void)type;
    (void)arg;
    if (context == SSL_EXT_TLS1_3_CERTIFICATE_REQUEST)
        return dance_client_parse_request(ssl, in, in_len, alert);
    if ((context & CLIENT_CERTIFICATE) != 0 && SSL_is_server(ssl))
        return dance_server_parse_certificate(ssl, in, in_len, x, entry, alert);
    /* RFC 8446, section 4.2: in a server's Certificate or ticket nobody asked for it. */
    *alert = SSL_AD_UNSUPPORTED_EXTENSION;
    return 0;
}

/* TLS or DTLS, and of no version in particular. */
static bool is_plain(const SSL_METHOD *method)
{
    return method == TLS_method() || method == TLS_server_method() || method == TLS_client_method()
           || method == DTLS_method() || method == DTLS_server_method()
           || method == DTLS_client_method();
}

static bool is_client_only(const SSL_METHOD *method)
{
    return method == TLS_client_method() || method == DTLS_client_method()
           || (!is_plain(method) && dance_is_quic_client(method));
}

static bool is_server_only(const SSL_METHOD *method)
{
    return method == TLS_server_method() || method == DTLS_server_method();
}

/* What is wrong is said when dance is first needed, and not while libcrypto loads modules. */
static void report_faults(const struct dance_config *config)
{
    static atomic_flag reported = ATOMIC_FLAG_INIT;

    if (atomic_flag_test_and_set(&reported))
        return;
    dance_log_open();
    for (int s = 0; s < DANCE_SECTIONS; s++) {
        if (config->fault[s] != NULL)
            dance_log(DANCE_LOG_ERROR, "%s: %s", dance_reason_text(DANCE_R_CONFIGURATION),
                      config->fault[s]);
    }
}

static void report_other_libssl(void)
{
    static atomic_flag reported = ATOMIC_FLAG_INIT;

    if (!atomic_flag_test_and_set(&reported))
        dance_log(DANCE_LOG_ERROR,
                  "inactive for an SSL_CTX, nobody is authenticated by DANE there: "
                  "it is of another libssl than dance.so is linked with");
}

static void prepare_server(SSL_CTX *ctx, const struct dance_config *config, bool generic)
{
    static const unsigned char session_id_context[] = "dance";
    const struct dance_rules *rules = dance_rules();

    (void)SSL_CTX_dane_enable(ctx);
    SSL_CTX_set_cert_verify_callback(ctx, dance_verdict, NULL);
    /* libssl aborts resumption where peers are verified and there is none. */
    if (rules->level == DANCE_REQUIRE)
        (void)SSL_CTX_set_session_id_context(ctx, session_id_context,
                                             sizeof(session_id_context) - 1);
    /* A generic method's SSL may become a client, so that its types are set when it is a server. */
    if (config->take_raw_key && !generic)
        (void)dance_raw_key_enable_ctx(ctx);
    dance_records_open();
    /* Whatever chroot, setuid and fork will put out of reach. */
    if (rules->fault == NULL) {
        dance_allow_file_open();
        dance_channel_open();
        dance_prefetch_offer();
    }
}

static void on_new_ctx(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    const struct dance_config *config = dance_config();
    SSL_CTX *ctx = parent;
    const SSL_METHOD *method = SSL_CTX_get_ssl_method(ctx);
    bool client = config->present[DANCE_SECTION_CLIENT] && !is_server_only(method);
    bool server = config->present[DANCE_SECTION_SERVER] && !is_client_only(method);

    (void)ptr;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    if (dance_records_making())
        return;
    if (!dance_binding_owns(method)) {
        report_other_libssl();
        return;
    }
    ERR_set_mark();
    report_faults(config);
    if (client || server)
        dance_gate_install(ctx, config->present[DANCE_SECTION_CLIENT] ? dance_client_start : NULL);
    if ((client || server)
        && !SSL_CTX_add_custom_ext(ctx, config->extension_type, CONTEXT, on_add, on_free, NULL,
                                   on_parse, NULL))
        dance_log(DANCE_LOG_ERROR, "libssl takes no extension of type %u", config->extension_type);
    if (client && dance_config_fault(config, DANCE_SECTION_CLIENT) == NULL)
        dance_credential_open();
    if (server)
        prepare_server(ctx, config, !is_server_only(method));
    ERR_pop_to_mark();
}

int dance_hook_install(void)
{
    return dance_connection_init()
           && SSL_CTX_get_ex_new_index(0, NULL, on_new_ctx, NULL, NULL) >= 0;
}
