/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "update.h"

#include "now.h"
#include "store/text.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define PROGRAM "nsupdate"
#define TIMEOUT_SECONDS "20" /* nsupdate's own, for one request; it makes a few */
#define PATIENCE_SECONDS 60

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_%";

const char *update_server_fault(const char *server)
{
    size_t len = strspn(server, letters);
    const char *port = server + len;

    if (len == 0 || len > 255)
        return "it is no name or address";
    if (*port == '\0')
        return NULL;
    if (*port != '@')
        return "it has octets that neither a name nor an address has";
    port++;
    len = strspn(port, "0123456789");
    return len > 0 && len <= 5 && port[len] == '\0' ? NULL : "what follows @ is no port";
}

/* nsupdate's input that does this to a record. */
static char *make_text(const char *server, const char *what, const char *owner, const char *ttl,
                       const struct dance_wire_record *record)
{
    char *data = dance_store_text_data(record);
    const char *port = server != NULL ? strchr(server, '@') : NULL;
    int server_len =
        server == NULL ? 0 : (int)(port != NULL ? port - server : (long)strlen(server));
    size_t size;
    char *text;

    if (data == NULL)
        return NULL;
    size = strlen(owner) + strlen(data) + (size_t)server_len + 128;
    text = OPENSSL_malloc(size);
    if (text != NULL)
        (void)snprintf(text, size, "%s%.*s%s%s%supdate %s %s. %sIN TLSA %s\nsend\n",
                       server != NULL ? "server " : "", server_len, server != NULL ? server : "",
                       port != NULL ? " " : "", port != NULL ? port + 1 : "",
                       server != NULL ? "\n" : "", what, owner, ttl, data);
    OPENSSL_free(data);
    return text;
}

char *update_text(const char *server, const char *owner, uint32_t ttl,
                  const struct dance_wire_record *record)
{
    char text[sizeof("4294967295 ")];

    (void)snprintf(text, sizeof(text), "%lu ", (unsigned long)ttl);
    return make_text(server, "add", owner, text, record);
}

char *update_removal(const char *server, const char *owner, const struct dance_wire_record *record)
{
    return make_text(server, "delete", owner, "", record);
}

/* A descriptor from which text can be read, or -1. Unlike a pipe nobody has to be there to read. */
static int readable(const char *text)
{
    int fd = memfd_create("nsupdate", MFD_CLOEXEC);

    if (fd < 0)
        return -1;
    if (write(fd, text, strlen(text)) == (ssize_t)strlen(text) && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

/* Start it with this standard input, and standard output where errors go. 0, or errno. */
static int start(int input, const char *tsig, const sigset_t *signals, pid_t *pid)
{
    /* By TCP: what does not arrive is noticed. */
    const char *words[] = {PROGRAM, "-v", "-t", TIMEOUT_SECONDS, tsig != NULL ? "-k" : NULL,
                           tsig,    NULL};
    char *argv[sizeof(words) / sizeof(words[0])];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int failure;

    /* execve() takes the strings as they are and changes none. */
    memcpy(argv, words, sizeof(argv));
    failure = posix_spawn_file_actions_init(&files);
    if (failure != 0)
        return failure;
    failure = posix_spawnattr_init(&attributes);
    if (failure == 0) {
        (void)posix_spawnattr_setsigmask(&attributes, signals);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        failure = posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
        if (failure == 0)
            failure = posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
        if (failure == 0)
            failure = posix_spawnp(pid, PROGRAM, &files, &attributes, argv, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    return failure;
}

/* Wait for this child, SIGCHLD being blocked; its status. Its time is up at some point. */
static bool wait_for(pid_t pid, const sigset_t *child, int *status)
{
    long long end = dance_now_ms() + PATIENCE_SECONDS * 1000LL;
    bool ended;

    /* It need not be the only one: a resolver may have been started for a lookup. */
    while (!(ended = waitpid(pid, status, WNOHANG) == pid)) {
        long long left = end - dance_now_ms();
        struct timespec patience = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};

        if (left <= 0)
            break;
        (void)sigtimedwait(child, NULL, &patience);
    }
    if (!ended) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, status, 0);
    }
    return ended;
}

bool update_send(const char *text, const char *tsig, char *why, size_t why_size)
{
    sigset_t child;
    sigset_t before;
    int input = readable(text);
    int status = 0;
    int failure;
    bool ended = false;
    pid_t pid = -1;

    if (input < 0) {
        (void)snprintf(why, why_size, "no memory for " PROGRAM "'s input: %s", strerror(errno));
        return false;
    }
    /* Whoever started us may have had it ignored, and then nobody would be told of an end. */
    (void)signal(SIGCHLD, SIG_DFL);
    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child, &before);
    failure = start(input, tsig, &before, &pid);
    (void)close(input);
    if (failure == 0)
        ended = wait_for(pid, &child, &status);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (failure != 0)
        (void)snprintf(why, why_size, PROGRAM " cannot be started: %s%s", strerror(failure),
                       failure == ENOENT ? " (Debian: package bind9-dnsutils)" : "");
    else if (!ended)
        (void)snprintf(why, why_size, PROGRAM " has not ended within %d s", PATIENCE_SECONDS);
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        (void)snprintf(why, why_size, PROGRAM " could not do it (its %s is %d)",
                       WIFEXITED(status) ? "exit status" : "signal",
                       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    else
        return true;
    return false;
}
