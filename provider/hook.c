/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "hook.h"

#include "client/chain_extension.h"
#include "client/credential.h"
#include "client/extension.h"
#include "client/kept_chain.h"
#include "files/allow.h"
#include "force.h"
#include "log.h"
#include "lookup/channel.h"
#include "lookup/prefetch.h"
#include "openssl/compat.h"
#include "process.h"
#include "reasons.h"
#include "roles.h"
#include "server/chain_extension.h"
#include "server/connection.h"
#include "server/extension.h"
#include "server/gate.h"
#include "server/records.h"
#include "server/verdict.h"
#include "unseen.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

/* A client's Certificate message: with certificates, or with a raw public key. */
#define CLIENT_CERTIFICATE (SSL_EXT_TLS1_3_CERTIFICATE | DANCE_EXT_RAW_KEY)
#define CHAIN_CONTEXT                                                                              \
    (SSL_EXT_TLS_ONLY | SSL_EXT_TLS1_3_ONLY | SSL_EXT_TLS1_3_CERTIFICATE_REQUEST                   \
     | CLIENT_CERTIFICATE)
#define CONTEXT (CHAIN_CONTEXT | SSL_EXT_TLS1_3_NEW_SESSION_TICKET)

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
    if (context == SSL_EXT_TLS1_3_CERTIFICATE_REQUEST) {
        dance_client_parse_request(ssl, in, in_len);
        return 1;
    }
    if ((context & CLIENT_CERTIFICATE) != 0 && SSL_is_server(ssl))
        return dance_server_parse_certificate(ssl, in, in_len, x, entry, alert);
    /* RFC 8446, section 4.2: in a server's Certificate or ticket nobody asked for it. */
    *alert = SSL_AD_UNSUPPORTED_EXTENSION;
    return 0;
}

static int on_add_chain(SSL *ssl, unsigned type, unsigned context, const unsigned char **out,
                        size_t *out_len, X509 *x, size_t entry, int *alert, void *arg)
{
    (void)type;
    (void)arg;
    if (context == SSL_EXT_TLS1_3_CERTIFICATE_REQUEST)
        return dance_server_offer_chain(out, out_len);
    if ((context & CLIENT_CERTIFICATE) != 0 && !SSL_is_server(ssl))
        return dance_client_add_chain(ssl, out, out_len, x, entry, alert);
    return 0;
}

static int on_parse_chain(SSL *ssl, unsigned type, unsigned context, const unsigned char *in,
                          size_t in_len, X509 *x, size_t entry, int *alert, void *arg)
{
    (void)type;
    (void)x;
    (void)arg;
    if (context == SSL_EXT_TLS1_3_CERTIFICATE_REQUEST) {
        dance_client_parse_chain_request(ssl, in_len);
        return 1;
    }
    if ((context & CLIENT_CERTIFICATE) != 0 && SSL_is_server(ssl))
        return dance_server_parse_chain(ssl, in, in_len, entry, alert);
    *alert = SSL_AD_UNSUPPORTED_EXTENSION;
    return 0;
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

/* libssl takes one extension of a type, and tells whoever comes second by a 0 that many overlook.
 */
static void report_extension(atomic_flag *reported, unsigned type, const char *what)
{
    if (!atomic_flag_test_and_set(reported))
        dance_log(DANCE_LOG_DEBUG,
                  "the extension of type %u is %s: the application cannot add one of that type "
                  "itself",
                  type, what);
}

/*
 * The chain's before dane_clientid's, because libssl has them parsed in this order, and the name's
 * lookup is what a chain answers. Without it a client goes on by its name, and a server by the DNS,
 * if it may.
 */
static void add_chain_extension(SSL_CTX *ctx, struct dance_roles roles,
                                const struct dance_config *config)
{
    static atomic_flag reported = ATOMIC_FLAG_INIT;
    static atomic_flag refused = ATOMIC_FLAG_INIT;

    if ((!roles.client || config->client_chain == DANCE_CHAIN_NO)
        && (!roles.server || config->server_chain == DANCE_CHAIN_OFF))
        return;
    if (SSL_CTX_add_custom_ext(ctx, config->chain_extension_type, CHAIN_CONTEXT, on_add_chain,
                               on_free, NULL, on_parse_chain, NULL))
        report_extension(&reported, config->chain_extension_type, "a DNSSEC chain");
    else if (!atomic_flag_test_and_set(&refused))
        dance_log(DANCE_LOG_ERROR,
                  "libssl takes no extension of type %u: no chain is sent or taken",
                  config->chain_extension_type);
}

/* False where libssl does not take what everything stands on. */
static bool add_extensions(SSL_CTX *ctx, struct dance_roles roles,
                           const struct dance_config *config)
{
    static atomic_flag reported = ATOMIC_FLAG_INIT;

    if (!roles.client && !roles.server)
        return true;
    add_chain_extension(ctx, roles, config);
    if (!SSL_CTX_add_custom_ext(ctx, config->extension_type, CONTEXT, on_add, on_free, NULL,
                                on_parse, NULL)) {
        dance_log(DANCE_LOG_ERROR, "libssl takes no extension of type %u", config->extension_type);
        return false;
    }
    report_extension(&reported, config->extension_type, "dane_clientid");
    return true;
}

/* What only shows now is a fault of the section all the same. */
static bool open_allow_file(void)
{
    char fault[600];

    if (dance_allow_file_open(fault, sizeof(fault)))
        return true;
    dance_force_server_fault(fault);
    return false;
}

/* False where something that enforces is missing. */
static bool prepare_server(SSL_CTX *ctx, const struct dance_config *config, bool generic)
{
    static const unsigned char session_id_context[] = "dance";
    const struct dance_rules *rules = dance_rules();

    bool complete = SSL_CTX_dane_enable(ctx) > 0;

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
    if (rules->fault == NULL && open_allow_file()) {
        dance_channel_open();
        dance_prefetch_offer();
    }
    return complete;
}

static void on_new_ctx(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    const struct dance_config *config = dance_config();
    SSL_CTX *ctx = parent;
    const SSL_METHOD *method = SSL_CTX_get_ssl_method(ctx);
    struct dance_roles roles;
    bool complete;

    (void)ptr;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    if (dance_records_own(ctx) || !dance_unseen_note(ctx, config))
        return;
    roles = dance_roles_configured(method, config);
    ERR_set_mark();
    report_faults(config);
    if (roles.client || roles.server)
        dance_gate_install(ctx, config->present[DANCE_SECTION_CLIENT] ? dance_client_at : NULL);
    complete = add_extensions(ctx, roles, config);
    if (roles.client && dance_config_fault(config, DANCE_SECTION_CLIENT) == NULL) {
        dance_credential_open();
        dance_chain_open();
        SSL_CTX_set_client_cert_cb(ctx, dance_client_lend);
    }
    if (roles.server)
        complete = prepare_server(ctx, config, dance_roles_possible(method).client) && complete;
    if (roles.server && !complete && dance_rules()->level == DANCE_REQUIRE)
        dance_gate_shut(ctx);
    ERR_pop_to_mark();
}

/* With the library context as this thread's default, which is where libcrypto registers. */
static enum dance_hook_state go_on_from(enum dance_hook_state state)
{
    if (state == DANCE_HOOK_NONE) {
        int taken = dance_connection_init(dance_unseen_report, dance_unseen_report);

        if (taken <= 0)
            return taken == 0 ? DANCE_HOOK_NONE : DANCE_HOOK_IMPOSSIBLE;
        state = DANCE_HOOK_HALF;
    }
    if (state == DANCE_HOOK_HALF && SSL_CTX_get_ex_new_index(0, NULL, on_new_ctx, NULL, NULL) >= 0)
        state = DANCE_HOOK_IN_PLACE;
    return state;
}

bool dance_hook_install(OSSL_LIB_CTX *where, enum dance_hook_state *state)
{
    OSSL_LIB_CTX *before = OSSL_LIB_CTX_set0_default(where);

    ERR_set_mark();
    /* It says nothing when a thread has no memory for a default of its own. */
    if (OSSL_LIB_CTX_set0_default(NULL) == where)
        *state = go_on_from(*state);
    ERR_pop_to_mark();
    (void)OSSL_LIB_CTX_set0_default(before);
    return *state == DANCE_HOOK_IN_PLACE;
}
