/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/sandbox/calls.h"

#include "worker/sandbox/sanitizers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41 /* glibc's malloc names its memory */
#endif
#define SOCKET_TYPE 0xfu /* of socket()'s second argument; above are flags */
#define NAMESPACES                                                                                 \
    ((unsigned)CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER         \
     | CLONE_NEWPID | CLONE_NEWNET)
/* What says nothing of what may be done with an open file. */
#define OPEN_HARMLESS                                                                              \
    ((unsigned)O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW)
#if defined(__s390__)
#define CLONE_FLAGS_AT 1
#else
#define CLONE_FLAGS_AT 0
#endif

struct filter {
    scmp_filter_ctx context;
    const struct calls_needs *needs;
    int call;
};

static bool is_worker(const struct filter *f)
{
    return f->needs->who == CALLS_WORKER;
}

static int allow(const struct filter *f, unsigned count, const struct scmp_arg_cmp *arguments)
{
    return seccomp_rule_add_array(f->context, SCMP_ACT_ALLOW, f->call, count, arguments);
}

static int allow_all(const struct filter *f)
{
    return allow(f, 0, NULL);
}

/* libseccomp's macros leave a field out, which clang warns of. */
#define IS(AT, VALUE) SCMP_CMP(AT, SCMP_CMP_EQ, VALUE, 0)

static bool is_supervisor(const struct filter *f)
{
    return f->needs->who == CALLS_SUPERVISOR;
}

/* The argument at has these bits of mask set, and no other. */
static int allow_bits(const struct filter *f, unsigned at, uint64_t mask, uint64_t bits)
{
    const struct scmp_arg_cmp only = SCMP_CMP(at, SCMP_CMP_MASKED_EQ, mask, bits);

    return allow(f, 1, &only);
}

static int allow_each(const struct filter *f, unsigned at, const uint64_t values[], size_t count)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < count; i++)
        error = allow_bits(f, at, UINT64_MAX, values[i]);
    return error;
}
#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

/*
 * A worker opens nothing but its log anew; what it needs is open by now. libunbound opens the zones
 * of a checker, which are in memory; Landlock keeps it from all others.
 */
static int open_call(const struct filter *f)
{
    int error = 0;

    if (f->needs->log_file)
        error = allow_bits(f, 2, ~(uint64_t)(OPEN_HARMLESS | O_CREAT) & UINT32_MAX,
                           O_WRONLY | O_APPEND);
    if (error == 0 && !is_worker(f))
        error = allow_bits(
            f, 2, ~(uint64_t)(OPEN_HARMLESS | (is_supervisor(f) ? O_PATH : 0)) & UINT32_MAX,
            O_RDONLY);
    return error;
}

/* Threads always, processes the supervisor alone, in no new namespace. */
static int clone_call(const struct filter *f)
{
    if (!is_supervisor(f))
        return allow_bits(f, CLONE_FLAGS_AT, NAMESPACES | CLONE_THREAD, CLONE_THREAD);
    return allow_bits(f, CLONE_FLAGS_AT, NAMESPACES, 0);
}

/* Signals to ourselves: abort(), and what libunbound's end does. */
static int tgkill_call(const struct filter *f)
{
    return !is_supervisor(f) ? allow_bits(f, 0, UINT32_MAX, (uint64_t)getpid()) : allow_all(f);
}

/* Our own limits. A worker looks at them, a checker sets itself a time. */
static int prlimit_call(const struct filter *f)
{
    const struct scmp_arg_cmp looks[] = {IS(0, 0), IS(2, 0)};

    return allow(f, is_worker(f) ? 2 : 1, looks);
}

/* Memory is not made executable; libraries may be loaded until a worker's set-up is over. */
static int mmap_call(const struct filter *f)
{
    return is_supervisor(f) ? allow_all(f) : allow_bits(f, 2, PROT_EXEC, 0);
}

static int mprotect_call(const struct filter *f)
{
    return allow_bits(f, 2, PROT_EXEC, 0);
}

/* Not F_SETOWN and F_SETSIG, by which the kernel sends signals for us. */
static int fcntl_call(const struct filter *f)
{
    /* Memory is sealed when it is given away: a user's page, a list of patterns. */
    static const uint64_t commands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD,     F_SETFD,
                                        F_GETFL, F_SETFL,         F_GET_SEALS, F_ADD_SEALS};

    return allow_each(f, 1, commands, COUNT(commands));
}

/* Not FIOSETOWN: the same. */
static int ioctl_call(const struct filter *f)
{
    static const uint64_t requests[] = {FIONBIO, FIONREAD, TCGETS};
    static const uint64_t interfaces[] = {SIOCGIFINDEX, SIOCGIFNAME};
    int error = allow_each(f, 1, requests, COUNT(requests));

    if (error == 0 && is_supervisor(f))
        error = allow_each(f, 1, interfaces, COUNT(interfaces));
    return error;
}

static int prctl_call(const struct filter *f)
{
    static const uint64_t always[] = {PR_SET_NAME, PR_SET_VMA};
    static const uint64_t before[] = {PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS,
                                      PR_SET_SECCOMP,   PR_GET_SECCOMP,      PR_GET_DUMPABLE};
    int error = allow_each(f, 0, always, COUNT(always));

    if (error == 0 && is_supervisor(f))
        error = allow_each(f, 0, before, COUNT(before));
    return error;
}

static int allow_socket(const struct filter *f, uint64_t family, uint64_t type, uint64_t protocol)
{
    const struct scmp_arg_cmp wanted[] = {
        IS(0, family), SCMP_CMP(1, SCMP_CMP_MASKED_EQ, SOCKET_TYPE, type), IS(2, protocol)};

    return allow(f, COUNT(wanted), wanted);
}

/* UDP and TCP, and none of the protocols that the kernel would load a module for. */
static int socket_call(const struct filter *f)
{
    static const uint64_t families[] = {AF_INET, AF_INET6};
    static const uint64_t kinds[][2] = {
        {SOCK_DGRAM, 0}, {SOCK_DGRAM, IPPROTO_UDP}, {SOCK_STREAM, 0}, {SOCK_STREAM, IPPROTO_TCP}};
    int error = 0;

    for (size_t i = 0; i < COUNT(families) * COUNT(kinds) && error == 0; i++) {
        const uint64_t *kind = kinds[i % COUNT(kinds)];

        error = allow_socket(f, families[i / COUNT(kinds)], kind[0], kind[1]);
    }
    /* Datagrams, as every syslog daemon of today takes them: D-Bus and the like are streams. */
    if (error == 0 && is_worker(f) && f->needs->syslog)
        error = allow_socket(f, AF_UNIX, SOCK_DGRAM, 0);
    if (error == 0 && !is_worker(f))
        error = allow_bits(f, 0, UINT64_MAX, AF_UNIX);
    /* getifaddrs(): libunbound looks for the interfaces of outgoing-interface. */
    if (error == 0 && !is_worker(f))
        error = allow_socket(f, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    return error;
}

static int socketpair_call(const struct filter *f)
{
    return allow_bits(f, 0, UINT64_MAX, AF_UNIX);
}

#define SUPERVISOR CALLS_SUPERVISOR
#define ALL (CALLS_SUPERVISOR | CALLS_WORKER | CALLS_CHECKER)
/* Has a network, which a checker has not. */
#define NETWORK (CALLS_SUPERVISOR | CALLS_WORKER)
/* Sets libunbound up, for each chain. */
#define CHECKER (CALLS_SUPERVISOR | CALLS_CHECKER)

/*
 * Some have several names, of which an architecture or a C library uses one. What a
 * running resolver really calls is seen in test/integration/test_sandbox.py.
 */
static const struct {
    const char *name;
    unsigned who;
    int (*rule)(const struct filter *f); /* NULL: whatever its arguments */
} table[] = {
    /* Descriptors that are open */
    {"read", ALL, NULL},
    {"readv", ALL, NULL},
    {"pread64", ALL, NULL},
    {"write", ALL, NULL},
    {"writev", ALL, NULL},
    {"close", ALL, NULL},
    {"close_range", ALL, NULL},
    {"dup", ALL, NULL},
    {"dup2", ALL, NULL},
    {"dup3", ALL, NULL},
    {"fcntl", ALL, fcntl_call},
    {"fcntl64", ALL, fcntl_call},
    {"ioctl", ALL, ioctl_call},
    {"lseek", ALL, NULL},
    {"_llseek", ALL, NULL},
    /* Files; what stat() says is no secret, and tells that one has changed */
    {"openat", ALL, open_call},
    {"fstat", ALL, NULL},
    {"fstat64", ALL, NULL},
    {"stat", ALL, NULL},
    {"stat64", ALL, NULL},
    {"lstat", ALL, NULL},
    {"newfstatat", ALL, NULL},
    {"fstatat64", ALL, NULL},
    {"statx", ALL, NULL},
    {"access", SUPERVISOR, NULL},
    {"faccessat", SUPERVISOR, NULL},
    {"readlink", SUPERVISOR, NULL},
    {"readlinkat", SUPERVISOR, NULL},
    {"getdents64", SUPERVISOR, NULL},
    {"fstatfs", SUPERVISOR, NULL},
    {"fstatfs64", SUPERVISOR, NULL},
    {"fadvise64", SUPERVISOR, NULL},
    {"memfd_create", ALL, NULL},
    {"fallocate", ALL, NULL},
    {"ftruncate", SUPERVISOR, NULL},
    {"ftruncate64", SUPERVISOR, NULL},
    /* Sockets */
    {"socket", NETWORK, socket_call},
    {"bind", NETWORK, NULL},
    {"connect", NETWORK, NULL},
    {"accept4", NETWORK, NULL},
    {"shutdown", NETWORK, NULL},
    {"send", ALL, NULL},
    {"sendto", ALL, NULL},
    {"sendmsg", ALL, NULL},
    {"sendmmsg", NETWORK, NULL},
    {"recv", ALL, NULL},
    {"recvfrom", ALL, NULL},
    {"recvmsg", ALL, NULL},
    {"recvmmsg", NETWORK, NULL},
    {"recvmmsg_time64", NETWORK, NULL},
    {"getsockname", ALL, NULL},
    {"getpeername", ALL, NULL},
    {"getsockopt", ALL, NULL},
    {"setsockopt", ALL, NULL},
    {"socketpair", CHECKER, socketpair_call},
    {"listen", SUPERVISOR, NULL},
    /* Events and time */
    {"epoll_ctl", ALL, NULL},
    {"epoll_wait", ALL, NULL},
    {"epoll_pwait", ALL, NULL},
    {"epoll_pwait2", ALL, NULL},
    {"poll", ALL, NULL},
    {"ppoll", ALL, NULL},
    {"ppoll_time64", ALL, NULL},
    {"select", ALL, NULL},
    {"_newselect", ALL, NULL},
    {"pselect6", ALL, NULL},
    {"pselect6_time64", ALL, NULL},
    {"timerfd_create", ALL, NULL},
    {"timerfd_settime", ALL, NULL},
    {"timerfd_settime64", ALL, NULL},
    {"eventfd2", ALL, NULL},
    {"epoll_create1", CHECKER, NULL},
    {"pipe", CHECKER, NULL},
    {"pipe2", CHECKER, NULL},
    {"signalfd4", SUPERVISOR, NULL},
    {"clock_gettime", ALL, NULL},
    {"clock_gettime64", ALL, NULL},
    {"clock_getres", ALL, NULL},
    {"clock_getres_time64", ALL, NULL},
    {"clock_nanosleep", ALL, NULL},
    {"clock_nanosleep_time64", ALL, NULL},
    {"nanosleep", ALL, NULL},
    {"gettimeofday", ALL, NULL},
    {"time", ALL, NULL},
    {"getrandom", ALL, NULL},
    /* Memory and threads */
    {"brk", ALL, NULL},
    {"mmap", ALL, mmap_call},
    {"mmap2", ALL, mmap_call},
    {"mprotect", ALL, mprotect_call},
    {"mremap", ALL, NULL},
    {"munmap", ALL, NULL},
    {"madvise", ALL, NULL},
    {"clone", ALL, clone_call},
    {"futex", ALL, NULL},
    {"futex_time64", ALL, NULL},
    {"set_robust_list", ALL, NULL},
    {"set_tid_address", ALL, NULL},
    {"rseq", ALL, NULL},
    {"sched_yield", ALL, NULL},
    {"sched_getaffinity", ALL, NULL},
    {"exit", ALL, NULL},
    {"exit_group", ALL, NULL},
    /* Signals */
    {"rt_sigaction", ALL, NULL},
    {"rt_sigprocmask", ALL, NULL},
    {"rt_sigreturn", ALL, NULL},
    {"sigreturn", ALL, NULL},
    {"sigaltstack", ALL, NULL},
    {"restart_syscall", ALL, NULL},
    {"tgkill", ALL, tgkill_call},
    {"kill", SUPERVISOR, NULL},
    {"pidfd_open", SUPERVISOR, NULL},
    {"pidfd_send_signal", SUPERVISOR, NULL},
    {"wait4", SUPERVISOR, NULL},
    {"waitid", SUPERVISOR, NULL},
    /* Who we are, and what we may */
    {"getpid", ALL, NULL},
    {"getppid", ALL, NULL},
    {"gettid", ALL, NULL},
    {"getuid", ALL, NULL},
    {"getuid32", ALL, NULL},
    {"geteuid", ALL, NULL},
    {"geteuid32", ALL, NULL},
    {"getgid", ALL, NULL},
    {"getgid32", ALL, NULL},
    {"getegid", ALL, NULL},
    {"getegid32", ALL, NULL},
    {"getresuid", SUPERVISOR, NULL},
    {"getresuid32", SUPERVISOR, NULL},
    {"getresgid", SUPERVISOR, NULL},
    {"getresgid32", SUPERVISOR, NULL},
    {"getrlimit", ALL, NULL},
    {"ugetrlimit", ALL, NULL},
    {"prlimit64", ALL, prlimit_call},
    {"setrlimit", CHECKER, NULL},
    {"getpriority", SUPERVISOR, NULL},
    {"setpriority", SUPERVISOR, NULL},
    {"getrusage", ALL, NULL},
    {"sysinfo", ALL, NULL},
    {"uname", ALL, NULL},
    {"prctl", ALL, prctl_call},
    {"seccomp", SUPERVISOR, NULL},
    {"landlock_create_ruleset", SUPERVISOR, NULL},
    {"landlock_add_rule", SUPERVISOR, NULL},
    {"landlock_restrict_self", SUPERVISOR, NULL},
};

/*
 * Newer calls that the C library tries first: it falls back when there is none. The flags of
 * clone3() and openat2() stand in memory, where a filter does not look.
 */
static const char *const absent[] = {"clone3", "openat2", "faccessat2", "futex_waitv"};

/*
 * AddressSanitizer reads /proc/self/maps, and a process of its own looks for leaks at the end;
 * ThreadSanitizer changes its mappings as it goes.
 */
static const char *const of_sanitizers[] = {
#if SANDBOX_SANITIZED
    "openat",
    "open",
    "readlink",
    "readlinkat",
    "getdents64",
    "getdents",
    "access",
    "clone",
    "wait4",
    "ptrace",
    "prctl",
    "mmap",
    "mprotect",
    "process_vm_readv",
    "kill",
    "tgkill",
    "prlimit64",
    "pipe2",
    "arch_prctl",
    "personality",
    "sched_getparam",
    "sched_getscheduler",
#endif
    NULL};

/* Names that this architecture or libseccomp does not know are passed over. */
static int add(struct filter *f, const char *name, int (*rule)(const struct filter *))
{
    f->call = seccomp_syscall_resolve_name(name);
    return f->call == __NR_SCMP_ERROR ? 0 : rule(f);
}

static int hide(const struct filter *f)
{
    return seccomp_rule_add(f->context, SCMP_ACT_ERRNO(ENOSYS), f->call, 0);
}

static int fill(struct filter *f)
{
    int error = 0;

    for (size_t i = 0; i < COUNT(table) && error == 0; i++) {
        if (table[i].who & f->needs->who)
            error = add(f, table[i].name, table[i].rule != NULL ? table[i].rule : allow_all);
    }
    for (size_t i = 0; i < COUNT(absent) && error == 0; i++)
        error = add(f, absent[i], hide);
    for (size_t i = 0; of_sanitizers[i] != NULL && error == 0; i++)
        error = add(f, of_sanitizers[i], allow_all);
    return error;
}

static bool set(const struct filter *f, enum scmp_filter_attr attribute, uint32_t value)
{
    return seccomp_attr_set(f->context, attribute, value) == 0;
}

int calls_confine(const struct calls_needs *needs)
{
    struct filter f = {seccomp_init(SCMP_ACT_ERRNO(EPERM)), needs, 0};
    int error = -ENOMEM;

    if (f.context == NULL)
        return ENOMEM;
    (void)set(&f, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, where it is not the kernel that knows */
    (void)set(&f, SCMP_FLTATR_API_SYSRAWRC, 1); /* the kernel's own errno */
    if (set(&f, SCMP_FLTATR_CTL_TSYNC, 1))
        error = fill(&f);
    if (error == 0)
        error = seccomp_load(f.context);
    seccomp_release(f.context);
    /* Before seccomp(2), or without CONFIG_SECCOMP_FILTER. */
    return error == -EINVAL || error == -EOPNOTSUPP ? ENOSYS : -error;
}

const char *calls_name(enum calls_of who, size_t i)
{
    for (size_t at = 0; at < COUNT(table); at++) {
        if ((table[at].who & who) && i-- == 0)
            return table[at].name;
    }
    return NULL;
}
