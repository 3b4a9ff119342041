/*
 * event_server: an event loop of one thread that knows nothing of dance.
 *
 * With -A its handshakes are OpenSSL ASYNC jobs (SSL_MODE_ASYNC), as HAProxy's
 * are with ssl-mode-async: while one is paused the others go on. A connection
 * whose client goes away is freed at once, in the middle of its job if need
 * be. Answers each request, reversed, and prints a line for each connection.
 * With -s an application resumes its jobs without looking at the descriptor.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/async.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#define CONNECTIONS 512

static struct {
    int fd;
    SSL *ssl;
    short events;
    int paused, reading;
} connection[CONNECTIONS];
static int count, async, spin, port;
static const char *certificate, *key;
static SSL_CTX *context;

static void say(const char *what, SSL *ssl)
{
    unsigned long error = ERR_peek_error();

    printf("%s, verify result %ld, queue: %s\n", what, SSL_get_verify_result(ssl),
           error == 0 ? "empty" : ERR_error_string(error, NULL));
    fflush(stdout);
    ERR_clear_error();
}

static void end(int i)
{
    SSL_free(connection[i].ssl);
    close(connection[i].fd);
    connection[i] = connection[--count];
}

static void take(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    SSL *ssl;

    if (fd < 0)
        return;
    if (count == CONNECTIONS) {
        close(fd);
        return;
    }
    ssl = SSL_new(context);
    if (ssl == NULL || !SSL_set_fd(ssl, fd))
        die("SSL_new");
    SSL_set_accept_state(ssl);
    memset(&connection[count], 0, sizeof(connection[count]));
    connection[count].fd = fd;
    connection[count].ssl = ssl;
    connection[count++].events = POLLIN;
}

/* What libssl waits for. 0: the connection has come to an end. */
static int note(int i, int rv)
{
    int error = SSL_get_error(connection[i].ssl, rv);

    connection[i].paused = error == SSL_ERROR_WANT_ASYNC;
    connection[i].events = error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
    return error == SSL_ERROR_WANT_ASYNC || error == SSL_ERROR_WANT_READ
           || error == SSL_ERROR_WANT_WRITE;
}

/* 0: the connection has come to an end. */
static int go_on(int i)
{
    SSL *ssl = connection[i].ssl;
    char buf[256];
    int rv;

    ERR_clear_error();
    if (!connection[i].reading) {
        rv = SSL_do_handshake(ssl);
        if (rv == 1) {
            say("accepted", ssl);
            connection[i].reading = 1;
        } else {
            rv = note(i, rv);
            if (rv == 0) {
                say("refused", ssl);
                /* Let the alert arrive. */
                (void)shutdown(connection[i].fd, SHUT_WR);
                while (recv(connection[i].fd, buf, sizeof(buf), 0) > 0)
                    continue;
            }
            return rv;
        }
    }
    rv = SSL_read(ssl, buf, sizeof(buf));
    if (rv <= 0)
        return note(i, rv);
    for (int n = 0; n < rv / 2; n++) {
        char c = buf[n];

        buf[n] = buf[rv - 1 - n];
        buf[rv - 1 - n] = c;
    }
    (void)SSL_write(ssl, buf, rv);
    (void)SSL_shutdown(ssl);
    return 0;
}

/* The descriptors of a paused job, into set; how many. */
static nfds_t async_fds(SSL *ssl, struct pollfd *set)
{
    OSSL_ASYNC_FD fds[8];
    size_t n = 0;

    if (!SSL_get_all_async_fds(ssl, NULL, &n) || n > 8 || !SSL_get_all_async_fds(ssl, fds, &n))
        die("async fds");
    for (size_t i = 0; i < n; i++)
        set[i] = (struct pollfd){fds[i], POLLIN, 0};
    return (nfds_t)n;
}

static void loop(int listener)
{
    static struct pollfd set[1 + CONNECTIONS * 9];
    static nfds_t first[CONNECTIONS], last[CONNECTIONS];

    for (;;) {
        nfds_t n = 1;

        set[0] = (struct pollfd){listener, POLLIN, 0};
        for (int i = 0; i < count; i++) {
            first[i] = n;
            /* While it is paused only that the client goes away is of interest. */
            set[n++] = (struct pollfd){connection[i].fd,
                                       connection[i].paused ? POLLRDHUP : connection[i].events, 0};
            if (connection[i].paused && !spin)
                n += async_fds(connection[i].ssl, &set[n]);
            last[i] = n;
        }
        if (poll(set, n, spin ? 1 : -1) < 0 && errno != EINTR)
            die("poll");
        for (int i = count - 1; i >= 0; i--) {
            int ready = spin && connection[i].paused;

            for (nfds_t k = first[i]; k < last[i]; k++)
                ready |= set[k].revents;
            if (connection[i].paused && (set[first[i]].revents & (POLLRDHUP | POLLHUP)) != 0) {
                puts("gone while paused");
                fflush(stdout);
                end(i);
            } else if (ready && !go_on(i)) {
                end(i);
            }
        }
        if (set[0].revents)
            take(listener);
    }
}

int main(int argc, char *argv[])
{
    static const struct program_option table[] = {
        NUMBER('p', port), TEXT('c', certificate), TEXT('k', key),
        FLAG('A', async),  FLAG('s', spin),        {0},
    };
    int listener;

    read_options(argc, argv, table);
    signal(SIGPIPE, SIG_IGN);
    listener = listen_at(port, 512);
    if (fcntl(listener, F_SETFL, O_NONBLOCK) != 0)
        die("fcntl");
    context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || SSL_CTX_use_certificate_chain_file(context, certificate) != 1
        || SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        die("SSL_CTX");
    if (async)
        SSL_CTX_set_mode(context, SSL_MODE_ASYNC);
    puts("ready");
    fflush(stdout);
    loop(listener);
    return 0;
}
