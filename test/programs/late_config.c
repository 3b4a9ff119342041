/*
 * late_config: SSL_CTXs that are made before the configuration is loaded, and
 * after it, of a server that asks nobody; what becomes of a client without
 * certificate there. Arguments: the server's certificate and key, then
 * configuration files; an SSL_CTX is made before each and behind the last.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "pair.h"
#include "program.h"

#include <openssl/conf.h>

static const char *server_cert, *server_key;

static SSL_CTX *new_server(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());

    if (ctx == NULL || !SSL_CTX_use_certificate_chain_file(ctx, server_cert)
        || !SSL_CTX_use_PrivateKey_file(ctx, server_key, SSL_FILETYPE_PEM))
        die("SSL_CTX");
    return ctx;
}

int main(int argc, char *argv[])
{
    SSL_CTX *client, *server[8];
    int files = argc - 3;

    if (files < 1 || files > 7 || !OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL))
        return 2;
    server_cert = argv[1];
    server_key = argv[2];
    client = SSL_CTX_new(TLS_client_method());
    for (int i = 0; i < files; i++) {
        server[i] = new_server();
        if (CONF_modules_load_file(argv[3 + i], NULL, 0) <= 0)
            die("configuration");
    }
    server[files] = new_server();
    for (int i = 0; i <= files; i++) {
        struct pair_outcome o = pair_connect(server[i], client);

        printf("%d: %s\n", i, o.admitted ? "admitted" : o.possible ? "refused" : "no handshake");
        SSL_CTX_free(server[i]);
    }
    SSL_CTX_free(client);
    return 0;
}
