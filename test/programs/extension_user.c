/*
 * extension_user: an application that has an extension of its own, of a type that
 * dance wants as well, in its server's CertificateRequest. Options:
 *
 *   -c CERTIFICATE -k KEY -a CA
 *   -x TYPE
 *   -e    it adds it in a callback of each new SSL_CTX that comes before dance's
 *
 * Without -e it adds it to the SSL_CTX that it has. Prints what libssl said to that,
 * and whether a client of the same process was let in.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "pair.h"
#include "program.h"

#include <openssl/ssl.h>

static const char *certificate, *key, *ca;
static int type, early, taken = -1;

static int add(SSL *ssl, unsigned number, unsigned context, const unsigned char **out,
               size_t *out_len, X509 *x, size_t entry, int *alert, void *arg)
{
    static const unsigned char own[] = "own";

    (void)ssl;
    (void)number;
    (void)context;
    (void)x;
    (void)entry;
    (void)alert;
    (void)arg;
    *out = own;
    *out_len = sizeof(own);
    return 1;
}

static void take(SSL_CTX *ctx)
{
    taken = SSL_CTX_add_custom_ext(ctx, (unsigned)type,
                                   SSL_EXT_TLS1_3_ONLY | SSL_EXT_TLS1_3_CERTIFICATE_REQUEST
                                       | SSL_EXT_TLS1_3_CERTIFICATE,
                                   add, NULL, NULL, NULL, NULL);
}

static void on_new_ctx(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    (void)ptr;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    take(parent);
}

int main(int argc, char *argv[])
{
    struct program_option table[] = {TEXT('c', certificate), TEXT('k', key),   TEXT('a', ca),
                                     NUMBER('x', type),      FLAG('e', early), {0}};
    SSL_CTX *server, *client;
    struct pair_outcome outcome;

    read_options(argc, argv, table);
    /* Before anything is loaded. */
    if (early
        && CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, NULL, on_new_ctx, NULL, NULL) < 0)
        die("ex_data");
    server = SSL_CTX_new(TLS_method());
    client = SSL_CTX_new(TLS_client_method());
    if (server == NULL || client == NULL || !SSL_CTX_use_certificate_chain_file(server, certificate)
        || !SSL_CTX_use_PrivateKey_file(server, key, SSL_FILETYPE_PEM)
        || !SSL_CTX_load_verify_locations(client, ca, NULL))
        die("SSL_CTX");
    if (!early)
        take(server);
    SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    outcome = pair_connect(server, client);
    printf("taken %d, %s\n", taken, outcome.admitted ? "admitted" : "not admitted");
    ERR_print_errors_fp(stderr);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    return 0;
}
