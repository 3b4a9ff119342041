/*
 * odd_server: a TLS server that knows nothing of dance and does what few servers do.
 *
 * It reads lines: "auth" asks for a certificate after the handshake, anything
 * else is answered by what the application would now believe of its peer:
 * "peer SUBJECT, verify result N, resumed N". Options:
 *
 *   -p PORT -c CERTIFICATE -k KEY -a CA
 *   -v    SSL_VERIFY_PEER; -V  with FAIL_IF_NO_PEER_CERT; -P  POST_HANDSHAKE
 *   -R    one SSL for all connections, made ready again by SSL_clear()
 *   -S    a servername callback that switches to a second SSL_CTX and takes over
 *         its verify mode, which is none, as nginx does for its virtual servers
 *   -X    a cert_verify_callback that says yes to everybody
 *   -I    an info callback on each SSL; -K  no tickets
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
    int port, mode, reuse, switching, trusting, info, no_tickets;
    const char *certificate, *key, *ca;
} option;

static SSL_CTX *second;

static void die(const char *what)
{
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static int trust_everybody(X509_STORE_CTX *store_ctx, void *arg)
{
    (void)arg;
    X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
    return 1;
}

static void ignore_info(const SSL *ssl, int where, int ret)
{
    (void)ssl;
    (void)where;
    (void)ret;
}

static int on_servername(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    (void)arg;
    if (SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_SSL_CTX(ssl, second);
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(second), SSL_CTX_get_verify_callback(second));
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(int mode)
{
    static const unsigned char id[] = "odd_server";
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, option.certificate) != 1
        || SSL_CTX_use_PrivateKey_file(ctx, option.key, SSL_FILETYPE_PEM) != 1
        || !SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1)
        || (option.ca != NULL && SSL_CTX_load_verify_file(ctx, option.ca) != 1))
        die("SSL_CTX");
    SSL_CTX_set_verify(ctx, mode, NULL);
    if (option.trusting)
        SSL_CTX_set_cert_verify_callback(ctx, trust_everybody, NULL);
    if (option.no_tickets)
        SSL_CTX_set_num_tickets(ctx, 0);
    return ctx;
}

static void describe(SSL *ssl, char *out, size_t size)
{
    X509 *peer = SSL_get1_peer_certificate(ssl);
    char subject[256] = "(nobody)";

    if (peer != NULL)
        X509_NAME_oneline(X509_get_subject_name(peer), subject, sizeof(subject));
    X509_free(peer);
    (void)snprintf(out, size, "peer %s, verify result %ld, resumed %d\n", subject,
                   SSL_get_verify_result(ssl), SSL_session_reused(ssl));
}

static void serve(SSL *ssl, int fd)
{
    char line[512];
    int n;

    if (!SSL_set_fd(ssl, fd))
        die("SSL_set_fd");
    SSL_set_accept_state(ssl);
    ERR_clear_error();
    if (SSL_accept(ssl) == 1) {
        while ((n = SSL_read(ssl, line, sizeof(line) - 1)) > 0) {
            line[n] = '\0';
            if (strcmp(line, "auth\n") == 0) {
                if (!SSL_verify_client_post_handshake(ssl) || SSL_do_handshake(ssl) != 1)
                    break;
                continue;
            }
            describe(ssl, line, sizeof(line));
            fputs(line, stdout);
            if (SSL_write(ssl, line, (int)strlen(line)) <= 0)
                break;
        }
    }
    if (ERR_peek_error() != 0)
        printf("ended: %s\n", ERR_error_string(ERR_peek_error(), NULL));
    fflush(stdout);
    ERR_clear_error();
    (void)SSL_shutdown(ssl);
    ERR_clear_error();
    /* Let an alert arrive: closing with the peer's octets unread would reset the connection. */
    (void)shutdown(fd, SHUT_WR);
    while (recv(fd, line, sizeof(line), 0) > 0)
        continue;
}

static int listen_at(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0
        || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 16) != 0)
        die("listen");
    return fd;
}

static void read_options(int argc, char *argv[])
{
    int c;

    while ((c = getopt(argc, argv, "p:c:k:a:vVPRSXIK")) != -1) {
        switch (c) {
        case 'p':
            option.port = atoi(optarg);
            break;
        case 'c':
            option.certificate = optarg;
            break;
        case 'k':
            option.key = optarg;
            break;
        case 'a':
            option.ca = optarg;
            break;
        case 'v':
            option.mode |= SSL_VERIFY_PEER;
            break;
        case 'V':
            option.mode |= SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
            break;
        case 'P':
            option.mode |= SSL_VERIFY_PEER | SSL_VERIFY_POST_HANDSHAKE;
            break;
        case 'R':
            option.reuse = 1;
            break;
        case 'S':
            option.switching = 1;
            break;
        case 'X':
            option.trusting = 1;
            break;
        case 'I':
            option.info = 1;
            break;
        case 'K':
            option.no_tickets = 1;
            break;
        default:
            exit(2);
        }
    }
}

int main(int argc, char *argv[])
{
    SSL_CTX *first;
    SSL *ssl = NULL;
    int listener;
    int fd;

    read_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    first = make_context(option.mode);
    second = make_context(SSL_VERIFY_NONE);
    if (option.switching)
        SSL_CTX_set_tlsext_servername_callback(first, on_servername);
    listener = listen_at(option.port);
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        if (ssl == NULL)
            ssl = SSL_new(first);
        else if (!SSL_clear(ssl))
            die("SSL_clear");
        if (ssl == NULL)
            die("SSL_new");
        if (option.info)
            SSL_set_info_callback(ssl, ignore_info);
        serve(ssl, fd);
        if (!option.reuse) {
            SSL_free(ssl);
            ssl = NULL;
        }
        close(fd);
    }
    return 1;
}
