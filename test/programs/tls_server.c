/*
 * tls_server: a TLS server that knows nothing of dance, and lives as servers do.
 *
 * It answers each connection's request, reversed, and prints a line for each:
 * what libssl says of the peer, and what a successful handshake left on the
 * error queue. Options say what happens to the process around it.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "ignore.h"
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#if !defined(OPENSSL_NO_QUIC) && OPENSSL_VERSION_NUMBER >= 0x30200000L
#include <openssl/quic.h>
#define HAVE_QUIC
#endif

#define GREETING 2

static struct {
    int port, accepts, threads, fork_each, fork_on, fork_late, fork_early, closefds, no_network,
        nobody, verify;
    int trusting, no_tickets, info, hello, message, quic;
    const char *certificate, *key, *root, *ca, *castore;
} option = {.accepts = 1 << 30};

static volatile sig_atomic_t children_seen;
static SSL_CTX *context;
static int listener = -1;
static pthread_mutex_t printing = PTHREAD_MUTEX_INITIALIZER;

static void on_child(int sig)
{
    (void)sig;
    children_seen = children_seen + 1;
}

static int forgive_everything(int ok, X509_STORE_CTX *store_ctx)
{
    (void)ok;
    X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
    return 1;
}

/* Talks to the client as soon as it may. */
static void greet(const SSL *ssl, int where, int ret)
{
    (void)ret;
    if (where == SSL_CB_HANDSHAKE_DONE)
        (void)SSL_write((SSL *)(uintptr_t)ssl, "hello\n", 6);
}

static void serve(int fd)
{
    SSL *ssl = SSL_new(context);
    char buf[256];
    char line[512];
    unsigned long error;
    int n;

    if (ssl == NULL || !SSL_set_fd(ssl, fd))
        die("SSL_new");
    if (option.info)
        SSL_set_info_callback(ssl, (option.info & GREETING) != 0 ? greet : ignore_info);
    ERR_clear_error();
    if (SSL_accept(ssl) == 1) {
        error = ERR_peek_error();
        snprintf(line, sizeof(line), "accepted, verify result %ld, queue: %s\n",
                 SSL_get_verify_result(ssl), error == 0 ? "empty" : ERR_error_string(error, NULL));
        n = SSL_read(ssl, buf, sizeof(buf));
        for (int i = 0; i < n / 2; i++) {
            char c = buf[i];

            buf[i] = buf[n - 1 - i];
            buf[n - 1 - i] = c;
        }
        if (n > 0)
            (void)SSL_write(ssl, buf, n);
        (void)SSL_shutdown(ssl);
    } else {
        snprintf(line, sizeof(line), "refused: %s\n", ERR_error_string(ERR_peek_error(), NULL));
        ERR_clear_error();
        /* Let the alert arrive: closing with the peer's octets unread would reset the connection.
         */
        (void)shutdown(fd, SHUT_WR);
        while (recv(fd, buf, sizeof(buf), 0) > 0)
            continue;
    }
    pthread_mutex_lock(&printing);
    fputs(line, stdout);
    fflush(stdout);
    pthread_mutex_unlock(&printing);
    SSL_free(ssl);
    close(fd);
}

static void *serve_loop(void *arg)
{
    for (int i = 0; i < option.accepts; i++) {
        int fd = accept(listener, NULL, NULL);
        pid_t pid;

        if (fd < 0 && errno == EINTR) {
            i--;
            continue;
        }
        if (fd < 0)
            break;
        /* In the second handshake's time, when the first has left its traces. */
        pid = option.fork_each || option.fork_on || (option.fork_late && i > 0) ? fork() : -1;
        if (pid == 0) {
            serve(fd);
            SSL_CTX_free(context);
            close(listener);
            exit(0);
        }
        if (pid > 0) {
            close(fd);
            while (waitpid(option.fork_on ? -1 : pid, NULL, option.fork_on ? WNOHANG : 0) < 0
                   && errno == EINTR)
                continue;
        } else {
            serve(fd);
        }
    }
    return arg;
}

static void make_quic_context(void)
{
#ifdef HAVE_QUIC
    if (SSL_CTX_new(OSSL_QUIC_client_method()) == NULL)
        die("QUIC");
#else
    puts("this OpenSSL has no QUIC");
    exit(3);
#endif
}

static void make_context(void)
{
    static const unsigned char id[] = "tls_server";

    if (option.quic)
        make_quic_context();
    context = SSL_CTX_new(TLS_method());
    if (context == NULL || SSL_CTX_use_certificate_chain_file(context, option.certificate) != 1
        || SSL_CTX_use_PrivateKey_file(context, option.key, SSL_FILETYPE_PEM) != 1
        || !SSL_CTX_set_session_id_context(context, id, sizeof(id) - 1))
        die("SSL_CTX");
    if (option.ca != NULL && SSL_CTX_load_verify_file(context, option.ca) != 1)
        die("CA");
    if (option.castore != NULL && SSL_CTX_load_verify_store(context, option.castore) != 1)
        die("CA store");
    if (option.verify)
        SSL_CTX_set_verify(context,
                           option.verify == 2 ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                                              : SSL_VERIFY_PEER,
                           option.trusting == 1 ? forgive_everything : NULL);
    if (option.trusting == 2)
        SSL_CTX_set_cert_verify_callback(context, trust_everybody, NULL);
    if (option.no_tickets)
        SSL_CTX_set_num_tickets(context, 0);
    if (option.hello)
        SSL_CTX_set_client_hello_cb(context, ignore_hello, NULL);
    if (option.message)
        SSL_CTX_set_msg_callback(context, ignore_message);
}

int main(int argc, char *argv[])
{
    static const struct program_option table[] = {
        NUMBER('p', option.port),
        TEXT('c', option.certificate),
        TEXT('k', option.key),
        TEXT('a', option.ca),
        TEXT('A', option.castore),
        NUMBER('n', option.accepts),
        NUMBER('t', option.threads),
        TEXT('r', option.root),       /* chroot */
        FLAG('f', option.fork_each),  /* a process for each connection */
        FLAG('F', option.fork_on),    /* likewise, and many at a time */
        FLAG('e', option.fork_early), /* a daemon: fork before the first handshake */
        FLAG('l', option.fork_late),  /* fork after the first handshake */
        FLAG('d', option.closefds),   /* close every descriptor but ours */
        FLAG('N', option.no_network), /* an empty network namespace */
        FLAG('u', option.nobody),     /* give up root */
        FLAG('v', option.verify),
        BITS('V', option.verify, 2),
        FLAG('T', option.trusting),    /* a verify callback that forgives everything */
        BITS('X', option.trusting, 2), /* a cert_verify_callback that does not verify */
        FLAG('K', option.no_tickets),
        FLAG('I', option.info),               /* takes the info callback of each SSL */
        BITS('G', option.info, 1 | GREETING), /* and says hello when the handshake is over */
        FLAG('H', option.hello),              /* takes client_hello_cb */
        FLAG('M', option.message),            /* takes the message callback */
        FLAG('Q', option.quic),               /* has made an SSL_CTX for QUIC before its own */
        {0},
    };
    struct sigaction action = {.sa_handler = on_child};
    pthread_t thread[64];

    read_options(argc, argv, table);
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGCHLD, &action, NULL);
    listener = listen_at(option.port, 64);
    make_context();
    /* The module may have started its resolver by now; a server must not notice. */
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD || children_seen != 0) {
        puts("a child that we did not make");
        return 1;
    }
    if (option.closefds) {
        for (int fd = 3; fd < 1024; fd++) {
            if (fd != listener)
                close(fd);
        }
    }
    if (option.no_network && unshare(CLONE_NEWNET) != 0)
        die("unshare");
    if (option.root != NULL && (chroot(option.root) != 0 || chdir("/") != 0))
        die("chroot");
    if (option.nobody && (setgid(65534) != 0 || setuid(65534) != 0))
        die("setuid");
    if (option.fork_early) {
        pid_t pid = fork();

        if (pid > 0) {
            waitpid(pid, NULL, 0);
            return 0;
        }
        /* Whoever runs the tests ends the parent. */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    puts("ready");
    fflush(stdout);
    for (int i = 1; i < option.threads && i < 64; i++) {
        if (pthread_create(&thread[i], NULL, serve_loop, NULL) != 0)
            die("thread");
    }
    (void)serve_loop(NULL);
    for (int i = 1; i < option.threads && i < 64; i++)
        pthread_join(thread[i], NULL);
    if (!option.fork_each && !option.fork_on && !option.fork_late && !option.fork_early
        && children_seen != 0)
        puts("a child that we did not make");
    SSL_CTX_free(context);
    close(listener);
    return 0;
}
