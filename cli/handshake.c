/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "handshake.h"

#include "client/load.h"
#include "conf_value.h"
#include "loaded.h"
#include "plain_peer.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define END_MS 1000
#define NAP_MS 2
#define SAID_MAX 4096
#define PREFIX "dance: "
#define SECTION "dance_check_only"
#define NO_RESOLVER "/nowhere/dance check asks nobody"
#define TIMEOUT "8" /* seconds; less than TRIAL_SECONDS */

/* One handshake, and what is made before the process that has it. */
struct attempt {
    const struct handshake *handshake;
    const char *pair; /* PEM: the server's key and certificate */
};

/* Of the file it is the client section that is tried. */
static bool is_client(const struct handshake *h)
{
    return h->with == HANDSHAKE_ASKING || h->with == HANDSHAKE_SERVER;
}

/* What the module says goes to stderr, and that is a file in memory. */
static int catch_log(void)
{
    int fd = memfd_create("dance-check", MFD_CLOEXEC);

    return fd >= 0 && dup2(fd, STDERR_FILENO) >= 0 ? fd : -1;
}

/* The fields for programs, which are what stands behind the last semicolon. */
static char *find_fields(char *line)
{
    static const char *const first[] = {"client=", "server=", "identity=", "reason="};
    char *last = NULL;

    for (char *at = line; (at = strstr(at, "; ")) != NULL; at += 2)
        last = at;
    for (size_t i = 0; last != NULL && i < sizeof(first) / sizeof(first[0]); i++) {
        if (strncmp(last + 2, first[i], strlen(first[i])) == 0)
            return last;
    }
    return line + strlen(line);
}

/* The last line of the module's, in two parts; false: there is none. */
struct said {
    char line[SAID_MAX];
    char *text;
    char *fields;
};

static bool read_log(int fd, struct said *said)
{
    static const char begins[] = "\n" PREFIX;
    off_t len = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    off_t from = len > SAID_MAX - 2 ? len - (SAID_MAX - 2) : 0;
    char *at = said->line;

    *said = (struct said){.line = "\n", .text = NULL};
    if (fd < 0 || pread(fd, said->line + 1, SAID_MAX - 2, from) <= 0)
        return false;
    while ((at = strstr(at, begins)) != NULL)
        said->text = at += strlen(begins);
    if (said->text == NULL)
        return false;
    said->text[strcspn(said->text, "\n")] = '\0';
    said->fields = find_fields(said->text);
    if (*said->fields != '\0')
        *said->fields++ = '\0';
    return true;
}

/* What is told otherwise in a section of the module's. */
static void tell_module(BIO *out, const char *section, bool dns)
{
    (void)BIO_printf(out, "[%s]\nlog = stderr\nlog_level = debug\n", section);
    if (dns)
        (void)BIO_puts(out, "dns = " SECTION "\n");
}

/* The file, and behind it what is told otherwise. */
static void write_conf(BIO *out, const struct handshake *h, const char *path)
{
    const struct conf_file *file = &h->x->file;
    const char *second = h->x->second;
    const char *server = examination_section(h->x, DANCE_SECTION_SERVER);
    const char *dns = conf_file_value(file, file->module, "dns");
    const char *seconds = second != NULL ? conf_file_value(file, second, "dns") : NULL;
    bool own = !h->lookups || (dns == NULL && seconds == NULL);

    (void)BIO_puts(out, ".include ");
    conf_value_write(out, path);
    (void)BIO_puts(out, "\n");
    if (server != NULL)
        (void)BIO_printf(out, "[%s]\nprefetch = no\n", server);
    tell_module(out, file->module, own && (server != NULL || dns != NULL));
    if (second != NULL)
        tell_module(out, second, own && seconds != NULL);
    (void)BIO_printf(out, "[%s]\n%s\n",
                     own           ? SECTION
                     : dns != NULL ? dns
                                   : seconds,
                     h->lookups ? "timeout = " TIMEOUT : "resolver = " NO_RESOLVER);
}

/* As an application that starts; false: the module is not in force. */
static bool load(const struct handshake *h, char *text, size_t size)
{
    char *path = realpath(h->x->path, NULL);
    CONF *conf = NCONF_new(NULL);
    BIO *in = BIO_new(BIO_s_mem());

    if (path != NULL && conf != NULL && in != NULL) {
        write_conf(in, h, path);
        if (NCONF_load_bio(conf, in, NULL) > 0)
            (void)CONF_modules_load(conf, h->x->start, CONF_MFLAGS_DEFAULT_SECTION);
    }
    BIO_free(in);
    NCONF_free(conf);
    free(path);
    ERR_clear_error();
    return loaded_says(text, size);
}

/* The other side. */
static void be_other(const struct handshake *h, int fd)
{
    const struct plain_visitor visitor = {.certificate = h->with == HANDSHAKE_UNNAMED
                                                         || h->with == HANDSHAKE_NAMED,
                                          .name = h->with == HANDSHAKE_NAMED ? h->name : NULL,
                                          .server_name = h->server_name,
                                          .extension_type = h->x->config->extension_type};
    char unsaid[TRIAL_TEXT_MAX];

    if (is_client(h))
        plain_host(fd, visitor.extension_type, h->with == HANDSHAKE_ASKING);
    else if (h->with != HANDSHAKE_OURS || load(h, unsaid, sizeof(unsaid)))
        plain_visit(fd, &visitor);
}

struct other {
    pid_t pid;
    int fd; /* -1: there is none */
};

/* In a process of its own, which has loaded nothing yet and ends with this one. */
static struct other start_other(const struct handshake *h)
{
    struct other other = {-1, -1};
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return other;
    other.pid = fork();
    if (other.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)alarm(TRIAL_SECONDS + 1);
        (void)close(ends[0]);
        be_other(h, ends[1]);
        /* As in trial.c. */
        OPENSSL_cleanup();
        _exit(0);
    }
    (void)close(ends[1]);
    if (other.pid > 0)
        other.fd = ends[0];
    else
        (void)close(ends[0]);
    return other;
}

/* It sees the end of the connection, and has a moment for its own. */
static void end_other(struct other *other)
{
    const struct timespec nap = {.tv_nsec = NAP_MS * 1000000L};
    pid_t ended = 0;

    (void)close(other->fd);
    for (int ms = 0; ms < END_MS && ended == 0; ms += NAP_MS) {
        ended = waitpid(other->pid, NULL, WNOHANG);
        if (ended == 0)
            (void)nanosleep(&nap, NULL);
    }
    if (ended != 0)
        return;
    (void)kill(other->pid, SIGKILL);
    while (waitpid(other->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* The server's key and certificate, read as an application reads its own. */
static bool use_pair(SSL_CTX *ctx, const char *pair)
{
    BIO *in = BIO_new_mem_buf(pair, -1);
    EVP_PKEY *key = in != NULL ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
    X509 *certificate = key != NULL ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
    bool good = certificate != NULL && SSL_CTX_use_certificate(ctx, certificate) == 1
                && SSL_CTX_use_PrivateKey(ctx, key) == 1;

    X509_free(certificate);
    EVP_PKEY_free(key);
    BIO_free(in);
    return good;
}

/* Why a handshake failed that the module has not ended. */
static void explain(char *text, size_t size)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    (void)snprintf(text, size, "%s", reason != NULL ? reason : "the connection was closed");
}

static int forgive(int good, X509_STORE_CTX *store)
{
    (void)good;
    (void)store;
    return 1;
}

static enum handshake_outcome be_server(const struct attempt *attempt, int fd, int log, char *text,
                                        size_t size)
{
    const struct dance_config *config = attempt->handshake->x->config;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL *ssl = NULL;
    enum handshake_outcome outcome = HANDSHAKE_FAILED;
    struct said said = {.text = NULL};
    char octet;

    if (ctx != NULL && use_pair(ctx, attempt->pair)) {
        /* As an application without a CA; under require it may take whom it likes, in vain. */
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER,
                           config->policy == DANCE_POLICY_REQUIRE ? forgive : NULL);
        ssl = SSL_new(ctx);
    }
    if (ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1
        && SSL_read(ssl, &octet, 1) == 1)
        outcome = HANDSHAKE_LET_IN;
    explain(text, size);
    if (read_log(log, &said)) {
        if (outcome == HANDSHAKE_FAILED && strncmp(said.text, "refused ", 8) == 0)
            outcome = strstr(said.fields, "reason=name-not-allowed") != NULL ? HANDSHAKE_NOT_ALLOWED
                                                                             : HANDSHAKE_REFUSED;
        if (outcome != HANDSHAKE_FAILED)
            (void)snprintf(text, size, "%s", said.text);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return outcome;
}

/* By the server's word. */
static enum handshake_outcome judge_word(const struct examination *x, const char *word, size_t len)
{
    const char *identity = x->config->identity;

    if (*word != PLAIN_PEER_NAME)
        return HANDSHAKE_UNTOLD;
    return len - 1 == strlen(identity) && memcmp(word + 1, identity, len - 1) == 0
               ? HANDSHAKE_TOLD
               : HANDSHAKE_UNTOLD;
}

static enum handshake_outcome be_client(const struct handshake *h, int fd, int log, char *text,
                                        size_t size)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = NULL;
    enum handshake_outcome outcome = HANDSHAKE_FAILED;
    char word[PLAIN_PEER_SAYS_MAX];
    struct said said = {.text = NULL};
    int len = 0;

    if (ctx != NULL) {
        /* Whether it takes the server is the application's affair. */
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
        ssl = SSL_new(ctx);
    }
    if (ssl != NULL && SSL_set_fd(ssl, fd) == 1 && plain_ask_for(ssl, h->server_name)
        && SSL_connect(ssl) == 1)
        len = SSL_read(ssl, word, sizeof(word));
    explain(text, size);
    if (len > 0) {
        outcome = judge_word(h->x, word, (size_t)len);
        (void)snprintf(text, size, "%s", SSL_get_version(ssl));
        if (outcome == HANDSHAKE_UNTOLD && SSL_version(ssl) != TLS1_3_VERSION)
            outcome = HANDSHAKE_OLD;
    }
    if (outcome != HANDSHAKE_OLD && read_log(log, &said))
        (void)snprintf(text, size, "%s", said.text);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return outcome;
}

static bool run(const void *from, char *text, size_t size)
{
    const struct attempt *attempt = from;
    const struct handshake *h = attempt->handshake;
    struct other other;
    int log;

    (void)signal(SIGPIPE, SIG_IGN);
    other = start_other(h);
    if (other.fd < 0) {
        (void)snprintf(text, size, "%s", strerror(errno));
        return false;
    }
    log = catch_log();
    text[0] = HANDSHAKE_NOT_TRIED;
    if (load(h, text + 1, size - 1))
        text[0] = (char)(is_client(h) ? be_client(h, other.fd, log, text + 1, size - 1)
                                      : be_server(attempt, other.fd, log, text + 1, size - 1));
    end_other(&other);
    return true;
}

/* With no configuration in force: it must not come to lie in a token that the file names. */
static bool make_pair(const void *from, char *text, size_t size)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate =
        key != NULL ? dance_credential_self_signed(key, PLAIN_PEER_MADE_UP, NULL) : NULL;
    BIO *out = BIO_new(BIO_s_mem());
    char *pem = NULL;
    long len = 0;
    bool good;

    (void)from;
    if (certificate != NULL && out != NULL
        && PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1
        && PEM_write_bio_X509(out, certificate) == 1)
        len = BIO_get_mem_data(out, &pem);
    good = len > 0 && (size_t)len < size;
    (void)snprintf(text, size, "%.*s", good ? (int)len : 0, good ? pem : "");
    BIO_free(out);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return good;
}

enum handshake_outcome handshake_try(const struct handshake *handshake,
                                     const struct trial_user *user, char text[TRIAL_TEXT_MAX])
{
    char pair[TRIAL_TEXT_MAX] = "";
    const struct attempt attempt = {handshake, pair};
    enum handshake_outcome outcome;

    if ((!is_client(handshake) && !trial(make_pair, NULL, NULL, pair))
        || !trial(run, &attempt, user, text) || *text == '\0')
        return HANDSHAKE_NOT_TRIED;
    outcome = (enum handshake_outcome)text[0];
    memmove(text, text + 1, strlen(text));
    return outcome;
}
