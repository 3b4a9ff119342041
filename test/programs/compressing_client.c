/*
 * compressing_client: a TLS client that has compressed its certificate beforehand.
 *
 *   compressing_client PORT CERTIFICATE KEY
 *
 * It says whether libssl did that (SSL_CTX_compress_certs(), which keeps only what
 * has become smaller, and refuses where the method is a client's), sends a line
 * and prints what comes back.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "program.h"

#include <openssl/opensslconf.h>
#include <openssl/opensslv.h>

#if defined(OPENSSL_NO_COMP_ALG) || OPENSSL_VERSION_NUMBER < 0x30200000L

int main(void)
{
    puts("compressed beforehand: never, by " OPENSSL_VERSION_TEXT);
    return 1;
}

#else

#include <openssl/ssl.h>

int main(int argc, char *argv[])
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char reply[256];
    SSL *ssl;
    int n;

    if (argc != 4 || ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, argv[2]) != 1
        || SSL_CTX_use_PrivateKey_file(ctx, argv[3], SSL_FILETYPE_PEM) != 1)
        die("SSL_CTX");
    printf("compressed beforehand: %s\n", SSL_CTX_compress_certs(ctx, 0) > 0 ? "yes" : "no");
    address.sin_port = htons((unsigned short)atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        die("connect");
    ssl = SSL_new(ctx);
    if (ssl == NULL || !SSL_set_fd(ssl, fd) || SSL_connect(ssl) != 1
        || SSL_write(ssl, "ping\n", 5) != 5)
        die("SSL_connect");
    n = SSL_read(ssl, reply, sizeof(reply));
    if (n <= 0)
        die("SSL_read");
    printf("%.*s", n, reply);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    return 0;
}

#endif
