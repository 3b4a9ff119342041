/*
 * reusing_client: a TLS client with one SSL for all its connections.
 *
 *   reusing_client PORT NAME [PORT NAME]...
 *
 * It connects to each port of 127.0.0.1 in turn, calling the server by its name,
 * sends a line and prints what comes back, or "refused"; SSL_clear() in between.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "program.h"

#include <openssl/ssl.h>
#include <signal.h>

static void talk(SSL *ssl, int port, const char *name)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char reply[512];
    int n = -1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0
        || !SSL_set_fd(ssl, fd) || !SSL_set_tlsext_host_name(ssl, name))
        die("connect");
    SSL_set_connect_state(ssl);
    ERR_clear_error();
    if (SSL_connect(ssl) == 1 && SSL_write(ssl, "who\n", 4) == 4)
        n = SSL_read(ssl, reply, sizeof(reply));
    if (n > 0)
        printf("%.*s", n, reply);
    else
        puts("refused");
    (void)SSL_shutdown(ssl);
    close(fd);
}

int main(int argc, char *argv[])
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = ctx != NULL ? SSL_new(ctx) : NULL;

    if (ssl == NULL)
        die("SSL");
    signal(SIGPIPE, SIG_IGN);
    for (int i = 1; i + 1 < argc; i += 2) {
        if (i > 1 && !SSL_clear(ssl))
            die("SSL_clear");
        talk(ssl, atoi(argv[i]), argv[i + 1]);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return 0;
}
