/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The sanitizers take the stack that clone() is given for a mistake. */
#define NOT_INSTRUMENTED __attribute__((no_sanitize("address", "thread")))
#define CHILD_FD 3
#define STACK_SIZE ((size_t)64 * 1024)

struct order {
    char *const *argv;
    int fd;
    char *stack;          /* STACK_SIZE for the first process, as much for the second */
    volatile int failure; /* errno of what went wrong; memory is shared until execve() */
};

static void close_from(int lowest)
{
    long limit;

#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)lowest, ~0u, 0) == 0)
        return;
#endif
    limit = sysconf(_SC_OPEN_MAX);
    for (long fd = lowest; fd < (limit > 0 ? limit : 1024); fd++)
        (void)close((int)fd);
}

static int redirect(int fd)
{
    int null;

    /* Out of the way of what comes at 0 to 3. */
    fd = fcntl(fd, F_DUPFD, CHILD_FD + 1);
    if (fd < 0)
        return -1;
    null = open("/dev/null", O_RDWR);
    for (int i = 0; i < CHILD_FD; i++) {
        /* Without /dev (a bare chroot) the numbers are taken all the same, by a copy of fd. */
        if (dup2(null >= 0 ? null : fd, i) < 0)
            return -1;
    }
    if (dup2(fd, CHILD_FD) < 0)
        return -1;
    close_from(CHILD_FD + 1);
    return 0;
}

/*
 * The two functions below run in processes that share the application's memory
 * (CLONE_VM) while its thread waits: system calls only, no signal handler of
 * the application can run here (all are blocked, then set to the default).
 */
NOT_INSTRUMENTED static int program(void *arg)
{
    static char *const no_environment[] = {NULL};
    struct order *order = arg;
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;

    (void)setsid();
    for (int sig = 1; sig < NSIG; sig++)
        (void)sigaction(sig, &standard, NULL);
    (void)sigemptyset(&none);
    if (redirect(order->fd) == 0 && chdir("/") == 0 && sigprocmask(SIG_SETMASK, &none, NULL) == 0)
        (void)execve(order->argv[0], order->argv, no_environment);
    order->failure = errno;
    _exit(127);
}

NOT_INSTRUMENTED static int between(void *arg)
{
    struct order *order = arg;

    /* Its parent is gone when it runs on, so that it becomes init's. */
    if (clone(program, order->stack + 2 * STACK_SIZE, CLONE_VM | CLONE_VFORK, order) < 0)
        order->failure = errno;
    _exit(0);
}

int dance_spawn(char *const argv[], int fd)
{
    struct order order = {argv, fd, NULL, 0};
    sigset_t all;
    sigset_t before;
    int cancel;
    int status;
    pid_t pid;

    order.stack = mmap(NULL, 2 * STACK_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (order.stack == MAP_FAILED)
        return errno; // cppcheck-suppress memleak ; there is nothing to unmap
    (void)sigfillset(&all);
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    /* No exit signal: such a child is not seen by wait() and raises no SIGCHLD. */
    pid = clone(between, order.stack + STACK_SIZE, CLONE_VM | CLONE_VFORK, &order);
    if (pid < 0)
        order.failure = errno;
    else
        while (waitpid(pid, &status, (int)__WCLONE) < 0 && errno == EINTR)
            continue;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_setcancelstate(cancel, NULL);
    (void)munmap(order.stack, 2 * STACK_SIZE);
    return order.failure;
}
