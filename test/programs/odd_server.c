/*
 * odd_server: a TLS server that knows nothing of dance and does what few servers do.
 *
 * It reads lines: "auth" asks for a certificate after the handshake, anything
 * else is answered by what the application would now believe of its peer:
 * "peer SUBJECT, verify result N, resumed N", and the conversation ends if it held
 * "CLOSE". Options:
 *
 *   -p PORT -c CERTIFICATE -k KEY -a CA
 *   -v    SSL_VERIFY_PEER; -V  with FAIL_IF_NO_PEER_CERT; -P  POST_HANDSHAKE
 *   -R    one SSL for all connections, made ready again by SSL_clear()
 *   -S    a servername callback that switches to a second SSL_CTX, and takes over
 *         its verify mode as nginx does for its virtual servers: for a name that
 *         begins with "ask" or "trust" one that asks for certificates, else none;
 *         "trust" verifies nobody
 *   -X    a cert_verify_callback that says yes to everybody
 *   -A    one that does what libssl would do
 *   -F    a verify callback that goes on, whatever is wrong
 *   -C    a verify callback that reads the certificate, and refuses those of CN=unwanted
 *   -I    an info callback on each SSL; -H  a client_hello_cb; -M  a message callback
 *   -K    no tickets; -N  a ticket key callback that has no key for new ones
 *   -t    ticket keys that every odd_server has
 *   -e    takes early data, and prints it; -n  however often it comes
 *   -w KEY  an external pre-shared key, in hex
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "ignore.h"
#include "serve.h"

#include <openssl/ssl.h>
#include <string.h>

static struct {
    int mode, reuse, switching, trusting, asking, careful, forgiving, info, chain, hello, message,
        no_tickets, no_ticket_key, ticket_keys, early, replays;
} option;

static SSL_CTX *first, *asking, *trusting, *other;

/* As applications write them: there always is a certificate, is there not? */
static int refuse_unwanted(int ok, X509_STORE_CTX *store_ctx)
{
    char subject[256] = "";

    X509_NAME_oneline(X509_get_subject_name(X509_STORE_CTX_get_current_cert(store_ctx)), subject,
                      sizeof(subject));
    return ok && strcmp(subject, "/CN=unwanted") != 0;
}

static int forgive(int ok, X509_STORE_CTX *store_ctx)
{
    (void)ok;
    (void)store_ctx;
    return 1;
}

static int have_no_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *ctx,
                              EVP_MAC_CTX *mac, int encrypt)
{
    (void)ssl;
    (void)name;
    (void)iv;
    (void)ctx;
    (void)mac;
    (void)encrypt;
    return 0;
}

/* What was there before; the callback sees no other SSL_CTX's. */
static void (*info_before[2])(const SSL *, int, int);

static void chain_of_context(const SSL *ssl, int where, int ret)
{
    if (info_before[0] != NULL)
        info_before[0](ssl, where, ret);
}

static void chain_of_ssl(const SSL *ssl, int where, int ret)
{
    if (info_before[1] != NULL)
        info_before[1](ssl, where, ret);
}

static int on_servername(SSL *ssl, int *alert, void *arg)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    SSL_CTX *ctx = other;

    (void)alert;
    (void)arg;
    if (name == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    if (strncmp(name, "ask", 3) == 0)
        ctx = asking;
    if (strncmp(name, "trust", 5) == 0)
        ctx = trusting;
    SSL_set_SSL_CTX(ssl, ctx);
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(ctx), SSL_CTX_get_verify_callback(ctx));
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(int mode)
{
    SSL_CTX *ctx =
        serving_context(TLS_server_method(), mode,
                        option.careful ? refuse_unwanted : (option.forgiving ? forgive : NULL));

    if (option.trusting)
        SSL_CTX_set_cert_verify_callback(ctx, trust_everybody, NULL);
    if (option.asking)
        SSL_CTX_set_cert_verify_callback(ctx, verify_as_libssl, NULL);
    if (option.hello)
        SSL_CTX_set_client_hello_cb(ctx, ignore_hello, NULL);
    if (option.message)
        SSL_CTX_set_msg_callback(ctx, ignore_message);
    if (option.chain) {
        info_before[0] = SSL_CTX_get_info_callback(ctx);
        SSL_CTX_set_info_callback(ctx, chain_of_context);
    }
    if (option.no_tickets)
        SSL_CTX_set_num_tickets(ctx, 0);
    if (option.no_ticket_key)
        SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, have_no_ticket_key);
    if (option.ticket_keys) {
        unsigned char keys[80] = "ticket keys that every odd_server has";

        SSL_CTX_set_tlsext_ticket_keys(ctx, keys, sizeof(keys));
    }
    if (option.early && !SSL_CTX_set_max_early_data(ctx, 1000))
        die("SSL_CTX_set_max_early_data");
    if (option.replays)
        (void)SSL_CTX_set_options(ctx, SSL_OP_NO_ANTI_REPLAY);
    if (serving.psk != NULL)
        SSL_CTX_set_psk_find_session_callback(ctx, find_psk);
    return ctx;
}

/* Up to the client's Finished, or the lack of early data; what comes before is printed. */
static int read_early(SSL *ssl)
{
    char line[512];
    size_t len = 0;
    int result;

    while ((result = SSL_read_early_data(ssl, line, sizeof(line), &len))
           == SSL_READ_EARLY_DATA_SUCCESS)
        printf("early, %s: %.*s", SSL_is_init_finished(ssl) ? "finished" : "not finished", (int)len,
               line);
    return result == SSL_READ_EARLY_DATA_FINISH;
}

static void serve(SSL *ssl, int fd)
{
    char line[512];
    int last;
    int n;

    if (!SSL_set_fd(ssl, fd))
        die("SSL_set_fd");
    SSL_set_accept_state(ssl);
    ERR_clear_error();
    if ((!option.early || read_early(ssl)) && SSL_accept(ssl) == 1) {
        while ((n = SSL_read(ssl, line, sizeof(line) - 1)) > 0) {
            line[n] = '\0';
            if (strcmp(line, "auth\n") == 0) {
                if (!SSL_verify_client_post_handshake(ssl) || SSL_do_handshake(ssl) != 1)
                    break;
                continue;
            }
            last = strstr(line, "CLOSE\n") != NULL;
            describe(ssl, line, sizeof(line));
            fputs(line, stdout);
            if (SSL_write(ssl, line, (int)strlen(line)) <= 0 || last)
                break;
        }
    }
    if (ERR_peek_error() != 0)
        printf("ended: %s\n", ERR_error_string(ERR_peek_error(), NULL));
    ERR_clear_error();
    (void)SSL_shutdown(ssl);
    ERR_clear_error();
    let_the_alert_arrive(fd);
}

int main(int argc, char *argv[])
{
    static const struct program_option table[] = {
        SERVING_OPTIONS,
        BITS('v', option.mode, SSL_VERIFY_PEER),
        BITS('V', option.mode, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT),
        BITS('P', option.mode, SSL_VERIFY_PEER | SSL_VERIFY_POST_HANDSHAKE),
        FLAG('R', option.reuse),
        FLAG('S', option.switching),
        FLAG('X', option.trusting),
        FLAG('A', option.asking),
        FLAG('C', option.careful),
        FLAG('F', option.forgiving),
        FLAG('I', option.info),
        FLAG('J', option.chain),
        FLAG('H', option.hello),
        FLAG('N', option.no_ticket_key),
        FLAG('t', option.ticket_keys),
        FLAG('e', option.early),
        FLAG('n', option.replays),
        FLAG('M', option.message),
        FLAG('K', option.no_tickets),
        {0},
    };
    SSL *ssl = NULL;
    int listener;
    int fd;

    read_options(argc, argv, table);
    serving_begin();
    first = make_context(option.mode);
    other = make_context(SSL_VERIFY_NONE);
    asking = make_context(SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
    trusting = make_context(SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
    SSL_CTX_set_cert_verify_callback(trusting, trust_everybody, NULL);
    if (option.switching)
        SSL_CTX_set_tlsext_servername_callback(first, on_servername);
    listener = listen_at(serving.port, 16);
    while (!ended && (fd = accept(listener, NULL, NULL)) >= 0) {
        if (ssl == NULL)
            ssl = SSL_new(first);
        else if (!SSL_clear(ssl))
            die("SSL_clear");
        if (ssl == NULL)
            die("SSL_new");
        if (option.info)
            SSL_set_info_callback(ssl, ignore_info);
        if (option.chain && SSL_get_info_callback(ssl) != chain_of_ssl) {
            info_before[1] = SSL_get_info_callback(ssl);
            SSL_set_info_callback(ssl, chain_of_ssl);
        }
        serve(ssl, fd);
        if (!option.reuse) {
            SSL_free(ssl);
            ssl = NULL;
        }
        close(fd);
    }
    SSL_free(ssl);
    SSL_CTX_free(first);
    SSL_CTX_free(other);
    SSL_CTX_free(asking);
    SSL_CTX_free(trusting);
    close(listener);
    return !ended;
}
