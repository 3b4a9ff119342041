/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include "now.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int start(const char *const words[], const struct program_files *files,
                 const sigset_t *signals, pid_t *pid)
{
    const int from[] = {files->input, files->output, files->errors};
    char *argv[PROGRAM_WORDS_MAX] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    size_t count = 0;
    int failure;

    while (count < PROGRAM_WORDS_MAX - 1 && words[count] != NULL)
        count++;
    if (count == 0)
        return EINVAL;
    /* execve() takes the strings as they are and changes none. */
    memcpy(argv, words, count * sizeof(*argv));
    failure = posix_spawn_file_actions_init(&actions);
    if (failure != 0)
        return failure;
    failure = posix_spawnattr_init(&attributes);
    if (failure == 0) {
        (void)posix_spawnattr_setsigmask(&attributes, signals);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        for (int to = STDIN_FILENO; failure == 0 && to <= STDERR_FILENO; to++)
            failure = posix_spawn_file_actions_adddup2(&actions, from[to], to);
        if (failure == 0)
            failure = posix_spawnp(pid, words[0], &actions, &attributes, argv, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return failure;
}

/* Wait for this child, SIGCHLD being blocked; its status. Its time is up at some point. */
static bool wait_for(pid_t pid, const sigset_t *child, unsigned seconds, int *status)
{
    long long end = dance_now_ms() + seconds * 1000LL;
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

int program_run(const char *const words[], const struct program_files *files, unsigned seconds,
                int *status)
{
    sigset_t child;
    sigset_t before;
    pid_t pid = -1;
    int failure;

    /* Whoever started us may have had it ignored, and then nobody would be told of an end. */
    (void)signal(SIGCHLD, SIG_DFL);
    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child, &before);
    failure = start(words, files, &before, &pid);
    if (failure == 0 && !wait_for(pid, &child, seconds, status))
        failure = ETIMEDOUT;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return failure;
}

int program_memory(const char *text)
{
    int fd = memfd_create("dance", MFD_CLOEXEC);

    if (fd < 0)
        return -1;
    if (write(fd, text, strlen(text)) == (ssize_t)strlen(text) && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    (void)close(fd);
    return -1;
}
