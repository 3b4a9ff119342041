/*
 * libunbound 1.26: with module-config "respip validator iterator", a value that unbound.conf(5)
 * allows, the answer to an unsigned name ends the process.
 *
 *     cc -o libunbound-respip libunbound-respip.c -lunbound -lpthread && ./libunbound-respip
 *
 * A thread answers every question with one address.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unbound.h>
#include <unistd.h>

static int server;

static void *answer(void *unused)
{
    static const unsigned char record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};
    unsigned char message[1500];
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    ssize_t n;

    while ((n = recvfrom(server, message, 512, 0, (struct sockaddr *)&from, &len)) > 12) {
        size_t end = 12;

        while (message[end] != 0)
            end += 1u + message[end];
        end += 5; /* the root's label, type and class */
        message[2] = 0x81;
        message[3] = 0x80;
        memcpy(message + 4, "\0\1\0\1\0\0\0\0", 8);
        memcpy(message + end, record, sizeof(record));
        (void)sendto(server, message, end + sizeof(record), 0, (struct sockaddr *)&from, len);
    }
    return unused;
}

static int ask(const char *modules)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    struct ub_ctx *ctx = ub_ctx_create();
    struct ub_result *result = NULL;
    char forward[64];
    pthread_t thread;
    int error;

    server = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(server, (struct sockaddr *)&address, sizeof(address)) != 0
        || getsockname(server, (struct sockaddr *)&address, &len) != 0
        || pthread_create(&thread, NULL, answer, NULL) != 0)
        return 2;
    (void)snprintf(forward, sizeof(forward), "127.0.0.1@%u", ntohs(address.sin_port));
    if (ub_ctx_set_option(ctx, "module-config:", modules) != 0
        || ub_ctx_set_option(ctx, "do-not-query-localhost:", "no") != 0
        || ub_ctx_set_fwd(ctx, forward) != 0)
        return 2;
    error = ub_resolve(ctx, "unsigned.example.com", 1, 1, &result);
    printf("%s: %s, %s\n", modules, ub_strerror(error),
           result != NULL && result->havedata ? "with data" : "no data");
    return 0;
}

static void try(const char *modules)
{
    pid_t child;
    int status;

    fflush(stdout);
    child = fork();
    if (child == 0)
        _exit((ask(modules) << 1) | (fflush(stdout) != 0));
    (void)waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        printf("%s: ended by signal %d (%s)\n", modules, WTERMSIG(status),
               strsignal(WTERMSIG(status)));
}

int main(void)
{
    printf("libunbound %s\n", ub_version());
    try("validator iterator");
    try("respip validator iterator");
    return 0;
}
