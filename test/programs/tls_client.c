/*
 * tls_client: a client that lives long and knows nothing of dance.
 *
 * tls_client CAFILE reads commands, one a line, and answers each with a line:
 *   connect PORT    connect to 127.0.0.1 and ask for a page with the OpenSSL that
 *                   the program is linked with
 *   curl PORT       the same with libcurl and whatever OpenSSL that brings
 *   status LIBRARY  what the provider dance says of itself in a libcrypto that is
 *                   in this process, such as libcrypto.so.3
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *ca_file;

static void say_error(const char *what)
{
    char text[256] = "nothing on the queue";

    if (ERR_peek_error() != 0)
        ERR_error_string_n(ERR_peek_error(), text, sizeof(text));
    printf("%s: %s\n", what, text);
    ERR_clear_error();
}

static int tcp(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        perror("connect");
        exit(1);
    }
    return fd;
}

static void connect_to(int port)
{
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    static SSL_CTX *ctx; /* for the life of the program, as clients have it */
    char reply[16] = "";
    int fd = tcp(port);
    SSL *ssl;

    if (ctx == NULL) {
        ctx = SSL_CTX_new(TLS_client_method());
        if (ctx == NULL || SSL_CTX_load_verify_file(ctx, ca_file) != 1) {
            say_error("no SSL_CTX");
            exit(1);
        }
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    }
    ssl = SSL_new(ctx);
    /* With TLS 1.3 a refusal comes when the client reads. */
    if (ssl == NULL || !SSL_set_fd(ssl, fd) || SSL_connect(ssl) != 1
        || SSL_write(ssl, request, sizeof(request) - 1) <= 0
        || SSL_read(ssl, reply, sizeof(reply) - 1) <= 0)
        say_error("refused");
    else
        printf("reply: %.12s\n", reply);
    SSL_free(ssl);
    close(fd);
}

/* What is used of libcurl. Its numbers are part of its ABI; no header is needed for so little. */
#define CURL_WRITEDATA 10001
#define CURL_URL 10002
#define CURL_ERRORBUFFER 10010
#define CURL_TIMEOUT 13
#define CURL_VERIFYHOST 81
#define CURL_CAINFO 10065
#define CURL_RESPONSE_CODE 0x200002

static void *function(void *library, const char *name)
{
    void *found = dlsym(library, name);

    if (found == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return found;
}

static void curl(int port)
{
    void *library = dlopen("libcurl.so.4", RTLD_NOW);
    void *(*init)(void);
    int (*set)(void *, int, ...);
    int (*perform)(void *);
    int (*get)(void *, int, ...);
    void (*cleanup)(void *);
    char url[64];
    char error[256] = "";
    long code = 0;
    FILE *nowhere = fopen("/dev/null", "w");
    void *easy;

    if (library == NULL || nowhere == NULL) {
        fprintf(stderr, "%s\n", library == NULL ? dlerror() : "/dev/null");
        exit(1);
    }
    *(void **)&init = function(library, "curl_easy_init");
    *(void **)&set = function(library, "curl_easy_setopt");
    *(void **)&perform = function(library, "curl_easy_perform");
    *(void **)&get = function(library, "curl_easy_getinfo");
    *(void **)&cleanup = function(library, "curl_easy_cleanup");
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/", port);
    easy = init();
    if (easy == NULL || set(easy, CURL_URL, url) != 0 || set(easy, CURL_CAINFO, ca_file) != 0
        || set(easy, CURL_VERIFYHOST, 0L) != 0 || set(easy, CURL_ERRORBUFFER, error) != 0
        || set(easy, CURL_TIMEOUT, 20L) != 0 || set(easy, CURL_WRITEDATA, nowhere) != 0) {
        fprintf(stderr, "libcurl takes no options\n");
        exit(1);
    }
    if (perform(easy) != 0)
        printf("refused: %s\n", error);
    else if (get(easy, CURL_RESPONSE_CODE, &code) == 0)
        printf("reply: HTTP/1.0 %ld\n", code);
    cleanup(easy);
    (void)fclose(nowhere);
}

static void status(const char *libcrypto)
{
    void *library = dlopen(libcrypto, RTLD_NOW | RTLD_NOLOAD);
    OSSL_PROVIDER *(*try_load)(OSSL_LIB_CTX *, const char *, int);
    int (*get)(const OSSL_PROVIDER *, OSSL_PARAM *);
    OSSL_PROVIDER *dance;
    char *build_info = NULL;
    int good = -1;
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, &build_info, 0),
                           OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, &good), OSSL_PARAM_END};

    if (library == NULL) {
        puts("not in this process");
        return;
    }
    *(void **)&try_load = function(library, "OSSL_PROVIDER_try_load");
    *(void **)&get = function(library, "OSSL_PROVIDER_get_params");
    dance = try_load(NULL, "dance", 1);
    if (dance == NULL || !get(dance, params))
        puts("no provider dance");
    else
        printf("status %d, %s\n", good, build_info != NULL ? build_info : "");
}

int main(int argc, char *argv[])
{
    char line[256];
    char word[64];

    if (argc != 2)
        return 2;
    ca_file = argv[1];
    (void)signal(SIGPIPE, SIG_IGN);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        if (sscanf(line, "connect %63s", word) == 1)
            connect_to(atoi(word));
        else if (sscanf(line, "curl %63s", word) == 1)
            curl(atoi(word));
        else if (sscanf(line, "status %63s", word) == 1)
            status(word);
        else
            return 2;
        (void)fflush(stdout);
    }
    return 0;
}
