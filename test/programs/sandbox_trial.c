/*
 * sandbox_trial.c: try from inside what the resolver's sandbox forbids.
 *
 * sandbox_trial calls supervisor|worker|checker    the calls that its filter lets through
 * sandbox_trial MODE KEY NEW [LOG]                 MODE: supervisor, worker, checker, files,
 * filter; the last two: one layer of the worker's alone sandbox_trial abort KEY NEW abort() in a
 * worker sandbox_trial unused                             become a user that nobody is; the uid
 *
 * A line for each trial and each of two threads, the second of which is older than the worker's
 * sandbox: "NAME THREAD ERRNO", 0 for what could be done. KEY is a file that may be read, NEW one
 * that may be made, LOG the resolver's log, which is rotated.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "log.h"
#include "options.h"
#include "worker/sandbox/calls.h"
#include "worker/sandbox/files.h"
#include "worker/sandbox/sandbox.h"
#include "worker/sandbox/user.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *key;
static const char *new_file;
static const char *log_file;
static pid_t victim; /* a process of the same user, outside of the sandbox */

static int result(long value)
{
    return value < 0 ? errno : 0;
}

/* A descriptor, which is closed again. */
static int opened(long fd)
{
    int error = result(fd);

    if (fd >= 0)
        (void)close((int)fd);
    return error;
}

static int try_fork(void)
{
    pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        /* Until it is killed. pause() is not allowed, and came back before that at times. */
        for (;;)
            (void)sched_yield();
    }
    if (pid < 0)
        return errno;
    /* What a supervisor must be able to. */
    if (kill(pid, SIGKILL) != 0 || waitpid(pid, &status, 0) != pid)
        return errno;
    return WIFSIGNALED(status) ? 0 : EPROTO;
}

static int try_execve(void)
{
    char *const argv[] = {NULL};

    return result(execve("/bin/true", argv, argv));
}

static int try_execveat(void)
{
    char *const argv[] = {NULL};

    return result(syscall(SYS_execveat, -1, "/bin/true", argv, argv, 0));
}

static int try_ptrace(void)
{
    return result(ptrace(PTRACE_SEIZE, victim, NULL, NULL));
}

static int try_traceme(void)
{
    return result(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int try_process_vm(void)
{
    char here[8];
    struct iovec to = {here, sizeof(here)};
    struct iovec from = {here, sizeof(here)};

    return result(process_vm_readv(victim, &to, 1, &from, 1, 0));
}

static int try_kill(void)
{
    return result(kill(victim, 0));
}

static int try_tgkill(void)
{
    return result(syscall(SYS_tgkill, victim, victim, 0));
}

static int try_tkill(void)
{
    return result(syscall(SYS_tkill, victim, 0));
}

static int try_sigqueue(void)
{
    return result(sigqueue(victim, 0, (union sigval){0}));
}

static int try_own_signal(void)
{
    return result(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0));
}

static int try_pidfd(void)
{
    return opened(syscall(SYS_pidfd_open, victim, 0));
}

static int try_pidfd_getfd(void)
{
    return opened(syscall(SYS_pidfd_getfd, 0, 0, 0));
}

static int try_setown(void)
{
    return result(fcntl(STDIN_FILENO, F_SETOWN, victim));
}

static int try_ioctl_setown(void)
{
    return result(ioctl(STDIN_FILENO, (unsigned long)FIOSETOWN, &victim));
}

static int try_sti(void)
{
    return result(ioctl(STDIN_FILENO, TIOCSTI, "x"));
}

static int try_prlimit(void)
{
    struct rlimit none = {0, 0};

    return result(prlimit(victim, RLIMIT_CORE, &none, NULL));
}

static int try_read_key(void)
{
    return opened(open(key, O_RDONLY | O_CLOEXEC));
}

static int try_open(void)
{
    return opened(syscall(SYS_open, key, O_RDONLY));
}

static int try_openat2(void)
{
    uint64_t how[3] = {O_RDONLY, 0, 0};

    return opened(syscall(SYS_openat2, AT_FDCWD, key, how, sizeof(how)));
}

static int try_read_folder(void)
{
    return opened(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int try_make_file(void)
{
    return opened(open(new_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int try_append(void)
{
    return opened(open(key, O_WRONLY | O_APPEND | O_CLOEXEC));
}

static int try_truncate(void)
{
    return result(truncate(key, 0));
}

static int try_tmpfile(void)
{
    return opened(open("/tmp", O_TMPFILE | O_RDWR, 0600));
}

static int try_unlink(void)
{
    return result(unlink(new_file));
}

static int try_rename(void)
{
    return result(rename(new_file, new_file));
}

static int try_mkdir(void)
{
    return result(mkdir(new_file, 0700));
}

static int try_symlink(void)
{
    return result(symlink("x", new_file));
}

static int try_chmod(void)
{
    return result(chmod(key, 0777));
}

static int try_chroot(void)
{
    return result(chroot("/"));
}

static int try_memfd(void)
{
    return opened(memfd_create("x", 0));
}

static int try_mount(void)
{
    return result(mount("x", "/", "tmpfs", 0, NULL));
}

static int try_keyctl(void)
{
    return result(syscall(SYS_keyctl, 0, -3, 1));
}

static int try_bpf(void)
{
    return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int try_perf(void)
{
    return result(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}

static int try_userfaultfd(void)
{
    return opened(syscall(SYS_userfaultfd, 1));
}

static int try_io_uring(void)
{
    return result(syscall(SYS_io_uring_setup, 1, NULL));
}

static int try_setuid(void)
{
    return result(syscall(SYS_setuid, getuid()));
}

static int try_setresuid(void)
{
    return result(syscall(SYS_setresuid, -1, -1, -1));
}

static int try_setgroups(void)
{
    return result(syscall(SYS_setgroups, 0, NULL));
}

static int try_capset(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};

    return result(syscall(SYS_capset, &header, none));
}

static int try_personality(void)
{
    return result(syscall(SYS_personality, 0xffffffffu));
}

static int try_module(void)
{
    return result(syscall(SYS_init_module, NULL, 0, ""));
}

static int try_unshare(void)
{
    return result(unshare(CLONE_NEWUSER));
}

static int try_setns(void)
{
    return result(setns(STDIN_FILENO, 0));
}

static int try_clone_user(void)
{
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

    if (pid == 0)
        _exit(0);
    if (pid > 0)
        (void)waitpid((pid_t)pid, NULL, 0);
    return result(pid);
}

static int try_clone3(void)
{
    return result(syscall(SYS_clone3, NULL, 0));
}

static int try_ns_fs(void)
{
    return result(syscall(SYS_open_tree, AT_FDCWD, "/", 1));
}

static int try_dumpable(void)
{
    return result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int try_exec_memory(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int error = at == MAP_FAILED ? errno : 0;

    if (at != MAP_FAILED)
        (void)munmap(at, 4096);
    return error;
}

static int try_exec_later(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int error = at == MAP_FAILED ? ENOMEM : result(mprotect(at, 4096, PROT_READ | PROT_EXEC));

    if (at != MAP_FAILED)
        (void)munmap(at, 4096);
    return error;
}

static int try_socket(int family, int type, int protocol)
{
    return opened(socket(family, type, protocol));
}

static int try_tcp(void)
{
    return try_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
}

static int try_udp6(void)
{
    int error = try_socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDP);

    return error == EAFNOSUPPORT ? 0 : error; /* a kernel without IPv6 */
}

static int try_mptcp(void)
{
    return try_socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
}

static int try_sctp(void)
{
    return try_socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP);
}

static int try_raw(void)
{
    return try_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int try_packet(void)
{
    return try_socket(AF_PACKET, SOCK_RAW, 0);
}

static int try_alg(void)
{
    return try_socket(AF_ALG, SOCK_SEQPACKET, 0);
}

static int try_netfilter(void)
{
    return try_socket(AF_NETLINK, SOCK_RAW, 12);
}

static int try_route(void)
{
    return try_socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static int try_unix_datagram(void)
{
    return try_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static int try_unix_stream(void)
{
    return try_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int try_socketpair(void)
{
    int pair[2];
    int error = result(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));

    if (error == 0) {
        (void)close(pair[0]);
        (void)close(pair[1]);
    }
    return error;
}

static int try_listen(void)
{
    return result(listen(STDIN_FILENO, 1));
}

static void *nothing(void *arg)
{
    return arg;
}

static int try_thread(void)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, nothing, NULL);

    if (error == 0)
        (void)pthread_join(thread, NULL);
    return error;
}

static int try_memory(void)
{
    size_t size = (size_t)64 << 20;
    char *memory = malloc(size);

    if (memory == NULL)
        return ENOMEM;
    memset(memory, 1, size);
    free(memory);
    return 0;
}

static int try_log(void)
{
    struct stat st;

    if (log_file == NULL)
        return 0;
    dance_log(DANCE_LOG_ERROR, "a line");
    return result(stat(log_file, &st));
}

#define TRIAL(NAME)                                                                                \
    {                                                                                              \
#NAME, try_##NAME, false                                                                   \
    }
#define FILES(NAME)                                                                                \
    {                                                                                              \
#NAME, try_##NAME, true                                                                    \
    }
static const struct {
    const char *name;
    int (*make)(void);
    bool files; /* Landlock's business, too */
} trials[] = {
    TRIAL(fork),        FILES(execve),        FILES(execveat),     TRIAL(ptrace),
    TRIAL(traceme),     TRIAL(process_vm),    FILES(kill),         TRIAL(tgkill),
    TRIAL(tkill),       TRIAL(sigqueue),      TRIAL(own_signal),   TRIAL(pidfd),
    TRIAL(pidfd_getfd), TRIAL(setown),        TRIAL(ioctl_setown), TRIAL(sti),
    TRIAL(prlimit),     FILES(read_key),      FILES(open),         FILES(openat2),
    FILES(read_folder), FILES(make_file),     FILES(append),       FILES(truncate),
    FILES(tmpfile),     TRIAL(unlink),        TRIAL(rename),       FILES(mkdir),
    FILES(symlink),     TRIAL(chmod),         TRIAL(chroot),       TRIAL(memfd),
    TRIAL(mount),       TRIAL(keyctl),        TRIAL(bpf),          TRIAL(perf),
    TRIAL(userfaultfd), TRIAL(io_uring),      TRIAL(setuid),       TRIAL(setresuid),
    TRIAL(setgroups),   TRIAL(capset),        TRIAL(personality),  TRIAL(module),
    TRIAL(unshare),     TRIAL(setns),         TRIAL(clone_user),   TRIAL(clone3),
    TRIAL(ns_fs),       TRIAL(dumpable),      TRIAL(exec_memory),  TRIAL(exec_later),
    TRIAL(tcp),         TRIAL(udp6),          TRIAL(mptcp),        TRIAL(sctp),
    TRIAL(raw),         TRIAL(packet),        TRIAL(alg),          TRIAL(netfilter),
    TRIAL(route),       TRIAL(unix_datagram), TRIAL(unix_stream),  TRIAL(socketpair),
    TRIAL(listen),      TRIAL(thread),        TRIAL(memory),       FILES(log),
};

static void try_all(const char *thread, bool files)
{
    for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
        int error;

        if (files && !trials[i].files)
            continue;
        errno = 0;
        error = trials[i].make();
        (void)printf("%s %s %s\n", trials[i].name, thread,
                     error == 0 ? "0" : strerrorname_np(error));
    }
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *older(void *files)
{
    (void)pthread_mutex_lock(&gate);
    /* Landlock alone does not hold for it. */
    if (files == NULL)
        try_all("older", false);
    return NULL;
}

__attribute__((noreturn)) static void fail(const char *why)
{
    (void)fprintf(stderr, "%s\n", why);
    _exit(2);
}

/* It ends with us: by a pipe, since a sandbox may keep the kernel's own signal from it. */
static pid_t start_victim(void)
{
    int ends[2];
    char octet;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    pid = fork();
    if (pid == 0) {
        (void)close(ends[1]);
        (void)!read(ends[0], &octet, 1);
        _exit(0);
    }
    (void)close(ends[0]);
    return pid;
}

static bool is(const char *mode, const char *name)
{
    return strcmp(mode, name) == 0;
}

/* Before there is a second thread. */
static void enter_supervisor(const char *mode, const struct options *options)
{
    const char *why = "";

    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!is(mode, "files") && !is(mode, "filter") && !sandbox_supervisor(options, &why))
        fail(why);
}

static void enter_worker(const char *mode, const struct options *options)
{
    const struct calls_needs needs = {CALLS_WORKER, false, false};
    const char *why = "";
    int error = 0;

    if (is(mode, "files"))
        error = files_confine(false, log_file);
    else if (is(mode, "filter"))
        error = calls_confine(&needs);
    else if (is(mode, "checker") ? !sandbox_checker(&why)
                                 : !is(mode, "supervisor") && !sandbox_worker(options, &why))
        fail(why);
    if (error != 0)
        fail(strerror(error));
}

static int list_calls(const char *who)
{
    enum calls_of of = strcmp(who, "worker") == 0    ? CALLS_WORKER
                       : strcmp(who, "checker") == 0 ? CALLS_CHECKER
                                                     : CALLS_SUPERVISOR;
    const char *name;

    for (size_t i = 0; (name = calls_name(of, i)) != NULL; i++)
        (void)puts(name);
    return 0;
}

int main(int argc, char *argv[])
{
    struct options options = {.log_target = DANCE_LOG_STDERR};
    const char *why = "";
    bool files = argc > 1 && strcmp(argv[1], "files") == 0;
    pthread_t thread;

    if (argc == 3 && strcmp(argv[1], "calls") == 0)
        return list_calls(argv[2]);
    if (!sandbox_become(NULL, &why))
        fail(why);
    if (argc == 2 && strcmp(argv[1], "unused") == 0)
        return printf("%u %u\n", (unsigned)getuid(), (unsigned)getgid()) < 0;
    if (argc < 4)
        fail("see sandbox_trial.c");
    key = argv[2];
    new_file = argv[3];
    if (argc > 4) {
        log_file = argv[4];
        options.log_target = DANCE_LOG_FILE;
        options.log_file = log_file;
    }
    dance_log_configure(options.log_target, options.log_file, DANCE_LOG_DEBUG);
    dance_log_open();
    if (log_file != NULL && unlink(log_file) != 0)
        fail("the log cannot be rotated");
    victim = start_victim();
    (void)pthread_mutex_lock(&gate);
    enter_supervisor(argv[1], &options);
    if (victim < 0 || pthread_create(&thread, NULL, older, files ? &files : NULL) != 0)
        fail("no second thread");
    enter_worker(argv[1], &options);
    if (strcmp(argv[1], "abort") == 0)
        abort();
    try_all("main", files);
    (void)pthread_mutex_unlock(&gate);
    (void)pthread_join(thread, NULL);
    return 0;
}
