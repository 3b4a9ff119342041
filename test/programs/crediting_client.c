/*
 * crediting_client: clients that give their credential in every way that OpenSSL has, to servers
 * that ask for one in every way. Both are in this process. The servers know nothing of dance; what
 * an answer was is printed, a line each, to be compared with those of another run:
 *
 *   crediting_client SERVER RSA EC
 *   crediting_client SERVER RSA EC FILE NEW
 *
 * The first three are paths of a certificate and key, .crt and .key, without that end. With two
 * more NEW becomes FILE when libssl has chosen what a client presents that has nothing, just before
 * it goes out. A line is
 *
 *   WAY KEY, prefers LIST: NUMBER SERVER REQUEST -> SUBJECT CHAIN NAME, kept SUBJECT
 *
 * SUBJECT (CN) and CHAIN (certificates) are what the server got, NAME is whether dane_clientid came
 * beside it; "kept" is what SSL_get_certificate() says afterwards on the client. All connections of
 * a WAY, KEY and LIST are made by one SSL, with SSL_clear() and SSL_dup() in between, numbered.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "ignore.h"
#include "program.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <string.h>

#define DANE_CLIENTID 65280

enum key { OF_RSA, OF_EC, KEYS };
static const char *const key_names[KEYS] = {"rsa", "ec"};
static X509 *certificates[KEYS];
static EVP_PKEY *keys[KEYS];

static const char *const lists[][2] = {
    {"ec", "ECDSA+SHA256:RSA-PSS+SHA256"},
    {"rsa", "RSA-PSS+SHA256:ECDSA+SHA256"},
    {"ec-only", "ECDSA+SHA256"},
    {"rsa-only", "RSA-PSS+SHA256"},
};

/* What a CertificateRequest has. */
enum request { PLAIN, WITH, SOMETHING_ELSE };
static const char *const request_names[] = {"plain", "with", "else"};

/* The client that goes on. */
static enum key key;
static int pauses;

/* The server's side of it. */
static enum request request;
static bool named;

static void use(SSL *ssl, enum key which)
{
    if (SSL_use_certificate(ssl, certificates[which]) != 1
        || SSL_use_PrivateKey(ssl, keys[which]) != 1)
        die("SSL_use_certificate");
}

static int give_in_cert_cb(SSL *ssl, void *arg)
{
    (void)arg;
    use(ssl, key);
    return 1;
}

static int give_key_first(SSL *ssl, void *arg)
{
    (void)arg;
    return SSL_use_PrivateKey(ssl, keys[key]) == 1
           && SSL_use_certificate(ssl, certificates[key]) == 1;
}

static int give_both(SSL *ssl, void *arg)
{
    (void)arg;
    use(ssl, !key);
    use(ssl, key);
    return 1;
}

static int give_at_once(SSL *ssl, void *arg)
{
    (void)arg;
    return SSL_use_cert_and_key(ssl, certificates[key], keys[key], NULL, 0);
}

static int clear_and_give(SSL *ssl, void *arg)
{
    SSL_certs_clear(ssl);
    return give_in_cert_cb(ssl, arg);
}

static int give_later(SSL *ssl, void *arg)
{
    return pauses++ % 2 == 0 ? -1 : give_in_cert_cb(ssl, arg);
}

/* As servers do that look whether they have given it already. */
static int give_where_there_is_none(SSL *ssl, void *arg)
{
    return SSL_get_certificate(ssl) != NULL ? 1 : give_in_cert_cb(ssl, arg);
}

static int give_nothing(SSL *ssl, void *arg)
{
    (void)ssl;
    (void)arg;
    return 1;
}

static int answer(SSL *ssl, X509 **certificate, EVP_PKEY **private_key)
{
    (void)ssl;
    *certificate = certificates[key];
    *private_key = keys[key];
    return X509_up_ref(*certificate) && EVP_PKEY_up_ref(*private_key);
}

static int answer_nothing(SSL *ssl, X509 **certificate, EVP_PKEY **private_key)
{
    (void)ssl;
    (void)certificate;
    (void)private_key;
    return 0;
}

static int answer_later(SSL *ssl, X509 **certificate, EVP_PKEY **private_key)
{
    return pauses++ % 2 == 0 ? -1 : answer(ssl, certificate, private_key);
}

/* As it may be, by libssl's documentation: to this server only. */
static int answer_the_server(SSL *ssl, X509 **certificate, EVP_PKEY **private_key)
{
    return SSL_get0_peer_certificate(ssl) != NULL ? answer(ssl, certificate, private_key) : 0;
}

static int give_when_verifying(int ok, X509_STORE_CTX *store_ctx)
{
    (void)ok;
    if (X509_STORE_CTX_get_error_depth(store_ctx) == 0)
        use(X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx()), key);
    return 1;
}

static void give_when_told(const SSL *ssl, int where, int ret)
{
    (void)ret;
    if (where == SSL_CB_CONNECT_LOOP && SSL_get_state(ssl) == TLS_ST_CR_CERT_REQ)
        use((SSL *)(uintptr_t)ssl, key);
}

static const char *file;
static const char *new_file;

static void replace_when_chosen(const SSL *ssl, int where, int ret)
{
    (void)ret;
    if (where != SSL_CB_CONNECT_LOOP || SSL_get_state(ssl) != TLS_ST_CR_CERT_VRFY)
        return;
    if (rename(new_file, file) != 0)
        die(file);
    sleep(2); /* for whoever looks once a second */
}

/* What the ClientHello said stays said. */
static void rename_the_server(const SSL *ssl, int where, int ret)
{
    (void)ret;
    if (where == SSL_CB_CONNECT_LOOP && SSL_get_state(ssl) == TLS_ST_CR_SRVR_HELLO
        && !SSL_set_tlsext_host_name((SSL *)(uintptr_t)ssl, "friend.example"))
        die("SSL_set_tlsext_host_name");
}

static int let_everything_pass(const SSL *ssl, const SSL_CTX *ctx, int op, int bits, int nid,
                               void *other, void *ex)
{
    (void)ssl;
    (void)ctx;
    (void)op;
    (void)bits;
    (void)nid;
    (void)other;
    (void)ex;
    return 1;
}

static void ctx_use(SSL_CTX *ctx, enum key which)
{
    if (SSL_CTX_use_certificate(ctx, certificates[which]) != 1
        || SSL_CTX_use_PrivateKey(ctx, keys[which]) != 1)
        die("SSL_CTX_use_certificate");
}

/* One way: what is done to the SSL_CTX, and to the SSL before its first handshake. */
static void none(SSL_CTX *ctx)
{
    (void)ctx;
}
static void slot(SSL_CTX *ctx)
{
    ctx_use(ctx, key);
}
static void two_slots(SSL_CTX *ctx)
{
    ctx_use(ctx, !key);
    ctx_use(ctx, key);
}
static void slot_and_half(SSL_CTX *ctx)
{
    ctx_use(ctx, key);
    if (SSL_CTX_use_certificate(ctx, certificates[!key]) != 1)
        die("SSL_CTX_use_certificate");
}
static void certificate_only(SSL_CTX *ctx)
{
    if (SSL_CTX_use_certificate(ctx, certificates[key]) != 1)
        die("SSL_CTX_use_certificate");
}
static void key_only(SSL_CTX *ctx)
{
    if (SSL_CTX_use_PrivateKey(ctx, keys[key]) != 1)
        die("SSL_CTX_use_PrivateKey");
}
static void in_cert_cb(SSL_CTX *ctx)
{
    SSL_CTX_set_cert_cb(ctx, give_in_cert_cb, NULL);
}
static void key_first(SSL_CTX *ctx)
{
    SSL_CTX_set_cert_cb(ctx, give_key_first, NULL);
}
static void both(SSL_CTX *ctx)
{
    SSL_CTX_set_cert_cb(ctx, give_both, NULL);
}
static void at_once(SSL_CTX *ctx)
{
    SSL_CTX_set_cert_cb(ctx, give_at_once, NULL);
}
static void clearing(SSL_CTX *ctx)
{
    SSL_CTX_set_cert_cb(ctx, clear_and_give, NULL);
}
static void later(SSL_CTX *ctx)
{
    SSL_CTX_set_cert_cb(ctx, give_later, NULL);
}
static void where_none(SSL_CTX *ctx)
{
    SSL_CTX_set_cert_cb(ctx, give_where_there_is_none, NULL);
}
static void nothing_in_cert_cb(SSL_CTX *ctx)
{
    SSL_CTX_set_cert_cb(ctx, give_nothing, NULL);
}
static void slot_and_cert_cb(SSL_CTX *ctx)
{
    ctx_use(ctx, !key);
    in_cert_cb(ctx);
}
static void in_client_cert_cb(SSL_CTX *ctx)
{
    SSL_CTX_set_client_cert_cb(ctx, answer);
}
static void nothing_in_client_cert_cb(SSL_CTX *ctx)
{
    SSL_CTX_set_client_cert_cb(ctx, answer_nothing);
}
static void no_client_cert_cb(SSL_CTX *ctx)
{
    SSL_CTX_set_client_cert_cb(ctx, NULL);
}
static void later_in_client_cert_cb(SSL_CTX *ctx)
{
    SSL_CTX_set_client_cert_cb(ctx, answer_later);
}
static void for_the_server(SSL_CTX *ctx)
{
    SSL_CTX_set_client_cert_cb(ctx, answer_the_server);
}
static void cert_cb_alone_of_two(SSL_CTX *ctx)
{
    SSL_CTX_set_client_cert_cb(ctx, answer_nothing);
    in_cert_cb(ctx);
}
static void in_verify_callback(SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, give_when_verifying);
}
static void in_info_callback(SSL_CTX *ctx)
{
    SSL_CTX_set_info_callback(ctx, give_when_told);
}
static void taking_callbacks(SSL_CTX *ctx)
{
    in_cert_cb(ctx);
    SSL_CTX_set_security_callback(ctx, let_everything_pass);
    SSL_CTX_set_client_cert_cb(ctx, answer_nothing);
}

static void taking_more(SSL_CTX *ctx)
{
    taking_callbacks(ctx);
    SSL_CTX_set_info_callback(ctx, ignore_info);
}
static void renaming(SSL_CTX *ctx)
{
    SSL_CTX_set_info_callback(ctx, rename_the_server);
}
static void replacing(SSL_CTX *ctx)
{
    SSL_CTX_set_info_callback(ctx, replace_when_chosen);
}

static void on_ssl(SSL *ssl)
{
    use(ssl, key);
}
static void cert_cb_on_ssl(SSL *ssl)
{
    SSL_set_cert_cb(ssl, give_in_cert_cb, NULL);
}

static const struct way {
    const char *name;
    void (*on_ctx)(SSL_CTX *ctx);
    void (*on_ssl)(SSL *ssl);
} ways[] = {
    {"nothing", none, NULL},
    {"slot", slot, NULL},
    {"two_slots", two_slots, NULL},
    {"slot_and_half", slot_and_half, NULL},
    {"certificate_only", certificate_only, NULL},
    {"key_only", key_only, NULL},
    {"use", none, on_ssl},
    {"cert_cb", in_cert_cb, NULL},
    {"cert_cb_key_first", key_first, NULL},
    {"cert_cb_both", both, NULL},
    {"cert_cb_at_once", at_once, NULL},
    {"cert_cb_clearing", clearing, NULL},
    {"cert_cb_later", later, NULL},
    {"cert_cb_where_none", where_none, NULL},
    {"cert_cb_nothing", nothing_in_cert_cb, NULL},
    {"cert_cb_on_ssl", none, cert_cb_on_ssl},
    {"slot_and_cert_cb", slot_and_cert_cb, NULL},
    {"client_cert_cb", in_client_cert_cb, NULL},
    {"client_cert_cb_nothing", nothing_in_client_cert_cb, NULL},
    {"client_cert_cb_none", no_client_cert_cb, NULL},
    {"client_cert_cb_later", later_in_client_cert_cb, NULL},
    {"client_cert_cb_for_server", for_the_server, NULL},
    {"cert_cb_alone_of_two", cert_cb_alone_of_two, NULL},
    {"verify_callback", in_verify_callback, NULL},
    {"info_callback", in_info_callback, NULL},
    {"taking_callbacks", taking_callbacks, NULL},
    {"taking_more", taking_more, NULL},
    {"renaming", renaming, NULL},
};
static const struct way replacing_way = {"replacing", replacing, NULL};

static int add(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *len,
               X509 *x, size_t entry, int *alert, void *arg)
{
    static const unsigned char octets[] = {0, 'x'};

    (void)ssl;
    (void)type;
    (void)x;
    (void)entry;
    (void)alert;
    (void)arg;
    *out = octets;
    *len = request == SOMETHING_ELSE ? 2 : 1;
    return context == SSL_EXT_TLS1_3_CERTIFICATE_REQUEST && request != PLAIN;
}

static int parse(SSL *ssl, unsigned type, unsigned context, const unsigned char *in, size_t len,
                 X509 *x, size_t entry, int *alert, void *arg)
{
    (void)ssl;
    (void)type;
    (void)context;
    (void)in;
    (void)x;
    (void)alert;
    (void)arg;
    named = named || (entry == 0 && len > 1);
    return 1;
}

static const char *subject(const X509 *x, char *out, int size)
{
    static const char cn[] = "/CN=";

    if (x == NULL || X509_NAME_oneline(X509_get_subject_name(x), out, size) == NULL
        || strncmp(out, cn, sizeof(cn) - 1) != 0)
        return "nobody";
    return out + sizeof(cn) - 1;
}

static SSL_CTX *server_context(const char *list)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL || SSL_CTX_set1_client_sigalgs_list(ctx, list) != 1
        || !SSL_CTX_set_num_tickets(ctx, 0)
        || !SSL_CTX_add_custom_ext(ctx, DANE_CLIENTID,
                                   SSL_EXT_TLS1_3_CERTIFICATE_REQUEST | SSL_EXT_TLS1_3_CERTIFICATE,
                                   add, NULL, NULL, parse, NULL))
        die("SSL_CTX");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, trust_everybody, NULL);
    return ctx;
}

static bool goes_on(SSL *ssl, int rv)
{
    int error = SSL_get_error(ssl, rv);

    return rv == 1 || error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_X509_LOOKUP;
}

/* The handshake, or the answer to a request after it. */
static bool pump(SSL *server, SSL *client, bool after)
{
    char octet;

    for (int i = 0; i < 12; i++) {
        int rv = after ? SSL_read(client, &octet, 1) : SSL_do_handshake(client);

        if (!goes_on(client, rv))
            return false;
        rv = after ? SSL_read(server, &octet, 1) : SSL_do_handshake(server);
        if (!goes_on(server, rv))
            return false;
    }
    return SSL_is_init_finished(client) && SSL_is_init_finished(server);
}

static void tell(const char *head, const char *name, SSL *server, SSL *client, bool good)
{
    char one[128];
    char other[128];
    X509 *peer = SSL_get0_peer_certificate(server);
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(server);

    printf("%s %s %s -> %s %d %s, kept %s\n", head, name, request_names[request],
           good ? subject(peer, one, sizeof(one)) : "failed",
           good && peer != NULL && chain != NULL ? sk_X509_num(chain) : 0,
           named ? "named" : "unnamed", subject(SSL_get_certificate(client), other, sizeof(other)));
    ERR_clear_error();
    named = false;
}

static void connect_to(const char *head, SSL_CTX *server_ctx, SSL *client, const char *name,
                       int version, const enum request *requests, size_t count)
{
    SSL *server = SSL_new(server_ctx);
    BIO *one = NULL;
    BIO *other = NULL;
    bool good;

    if (server == NULL || !BIO_new_bio_pair(&one, 0, &other, 0)
        || !SSL_set_tlsext_host_name(client, name) || !SSL_set_max_proto_version(client, version))
        die("SSL_new");
    SSL_set_bio(server, one, one);
    SSL_set_bio(client, other, other);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    SSL_set_post_handshake_auth(client, 1);
    request = requests[0];
    good = pump(server, client, false);
    tell(head, name, server, client, good);
    for (size_t i = 1; good && i < count; i++) {
        request = requests[i];
        if (SSL_verify_client_post_handshake(server) != 1 || SSL_do_handshake(server) != 1)
            die("SSL_verify_client_post_handshake");
        good = pump(server, client, true);
        tell(head, name, server, client, good);
    }
    /* As after a clean end: the session is kept, and a copy made by SSL_dup() shares the slots. */
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(server);
}

static const struct connection {
    const char *name;
    bool dup;
    int version;
    enum request requests[4];
    size_t count;
} connections[] = {
    {"friend.example", false, TLS1_3_VERSION, {WITH}, 1},
    {"strange.example", false, TLS1_3_VERSION, {PLAIN, WITH}, 2},
    {"friend.example", false, TLS1_3_VERSION, {PLAIN, WITH, PLAIN, WITH}, 4},
    {"strange.example", true, TLS1_3_VERSION, {WITH}, 1},
    {"friend.example", true, TLS1_3_VERSION, {WITH, PLAIN, SOMETHING_ELSE, WITH}, 4},
    {"friend.example", false, TLS1_3_VERSION, {SOMETHING_ELSE, PLAIN}, 2},
    {"friend.example", true, TLS1_2_VERSION, {PLAIN}, 1},
    {"friend.example", false, TLS1_3_VERSION, {WITH, WITH}, 2},
    {"friend.example", false, TLS1_2_VERSION, {PLAIN}, 1},
};

/* So many of the connections. */
static void run(const struct way *way, const char *const *list, SSL_CTX *server_ctx, size_t count)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl;

    if (ctx == NULL)
        die("SSL_CTX_new");
    pauses = 0;
    way->on_ctx(ctx);
    ssl = SSL_new(ctx);
    if (ssl == NULL)
        die("SSL_new");
    if (way->on_ssl != NULL)
        way->on_ssl(ssl);
    for (size_t i = 0; i < count; i++) {
        const struct connection *c = &connections[i];
        char head[128];

        (void)snprintf(head, sizeof(head), "%s %s, prefers %s: %zu", way->name, key_names[key],
                       list[0], i);
        if (i > 0 && !SSL_clear(ssl))
            die("SSL_clear");
        if (c->dup) {
            SSL *copy = SSL_dup(ssl);

            if (copy == NULL || copy == ssl)
                die("SSL_dup");
            SSL_free(ssl);
            ssl = copy;
        }
        connect_to(head, server_ctx, ssl, c->name, c->version, c->requests, c->count);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static void read_pair(const char *path, X509 **certificate, EVP_PKEY **private_key)
{
    char name[1024];
    BIO *in;

    (void)snprintf(name, sizeof(name), "%s.crt", path);
    in = BIO_new_file(name, "r");
    if (in == NULL || (*certificate = PEM_read_bio_X509(in, NULL, NULL, NULL)) == NULL)
        die(name);
    BIO_free(in);
    (void)snprintf(name, sizeof(name), "%s.key", path);
    in = BIO_new_file(name, "r");
    if (in == NULL || (*private_key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL)) == NULL)
        die(name);
    BIO_free(in);
}

int main(int argc, char *argv[])
{
    X509 *own = NULL;
    EVP_PKEY *own_key = NULL;

    if (argc != 4 && argc != 6)
        return 2;
    if (argc == 6) {
        file = argv[4];
        new_file = argv[5];
    }
    read_pair(argv[1], &own, &own_key);
    read_pair(argv[2], &certificates[OF_RSA], &keys[OF_RSA]);
    read_pair(argv[3], &certificates[OF_EC], &keys[OF_EC]);
    for (size_t l = 0; l < sizeof(lists) / sizeof(lists[0]); l++) {
        SSL_CTX *server_ctx = server_context(lists[l][1]);

        if (SSL_CTX_use_certificate(server_ctx, own) != 1
            || SSL_CTX_use_PrivateKey(server_ctx, own_key) != 1)
            die("SERVER");
        for (size_t w = 0; file == NULL && w < sizeof(ways) / sizeof(ways[0]); w++) {
            for (key = OF_RSA; key < KEYS; key++)
                run(&ways[w], lists[l], server_ctx, sizeof(connections) / sizeof(connections[0]));
        }
        if (file != NULL && l == 0)
            run(&replacing_way, lists[l], server_ctx, 1);
        SSL_CTX_free(server_ctx);
    }
    X509_free(own);
    EVP_PKEY_free(own_key);
    for (key = OF_RSA; key < KEYS; key++) {
        X509_free(certificates[key]);
        EVP_PKEY_free(keys[key]);
    }
    return 0;
}
