/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "lookup/spawn.h"

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

/*
 * ThreadSanitizer takes every clone() for a fork() and would believe itself in
 * the child, in memory that is still the parent's.
 */
#ifdef __SANITIZE_THREAD__
#define CHILD_FLAGS CLONE_VFORK
#else
#define CHILD_FLAGS (CLONE_VM | CLONE_VFORK)
#endif

#define CHILD_FD 3
#define DESCRIPTORS_BEFORE_CLOSE_RANGE 4096
#define STACK_SIZE ((size_t)64 * 1024)

struct order {
    char *const *argv;
    int fd;
    char *stack;          /* STACK_SIZE for the first process, as much for the second */
    volatile int failure; /* errno of what went wrong; memory is shared until execve() */
};

/*
 * What follows runs in processes that share the application's memory (CLONE_VM)
 * while its thread waits, so it is plain system calls: a libc wrapper, or what a
 * sanitizer puts around it, may change state that is the application's. Signals
 * are blocked throughout; the program that is executed sets them to its liking.
 */

/* Every descriptor from lowest on. */
NOT_INSTRUMENTED static void close_from(int lowest)
{
    if (syscall(SYS_close_range, (unsigned)lowest, ~0u, 0) == 0)
        return;
    /* Before Linux 5.9. */
    for (int fd = lowest; fd < DESCRIPTORS_BEFORE_CLOSE_RANGE; fd++)
        (void)syscall(SYS_close, fd);
}

NOT_INSTRUMENTED static int redirect(int fd)
{
    long null;

    /* Out of the way of what comes at 0 to 3. */
    fd = (int)syscall(SYS_fcntl, fd, F_DUPFD, CHILD_FD + 1);
    if (fd < 0)
        return -1;
    null = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR);
    for (int i = 0; i < CHILD_FD; i++) {
        /* Without /dev (a bare chroot) the numbers are taken all the same, by a copy of fd. */
        if (null != i && syscall(SYS_dup3, null >= 0 ? null : fd, i, 0) < 0)
            return -1;
    }
    if (syscall(SYS_dup3, fd, CHILD_FD, 0) < 0)
        return -1;
    close_from(CHILD_FD + 1);
    return 0;
}

NOT_INSTRUMENTED static int program(void *arg)
{
    static char *const no_environment[] = {NULL};
    struct order *order = arg;

    (void)syscall(SYS_setsid);
    if (redirect(order->fd) == 0 && syscall(SYS_chdir, "/") == 0)
        (void)syscall(SYS_execve, order->argv[0], order->argv, no_environment);
    order->failure = errno;
    (void)syscall(SYS_exit_group, 127);
    return 0;
}

NOT_INSTRUMENTED static int between(void *arg)
{
    struct order *order = arg;

    /* Its parent is gone when it runs on, so that it becomes init's. */
    if (clone(program, order->stack + 2 * STACK_SIZE, CHILD_FLAGS, order) < 0)
        order->failure = errno;
    (void)syscall(SYS_exit_group, 0);
    return 0;
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
    pid = clone(between, order.stack + STACK_SIZE, CHILD_FLAGS, &order);
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
