/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/sandbox/sandbox.h"

#include "log.h"
#include "worker/sandbox/calls.h"
#include "worker/sandbox/files.h"
#include "worker/sandbox/sanitizers.h"
#include "worker/sandbox/user.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Memory of a worker: far above what its bounds add up to. */
#define WORKER_DATA_MAX ((rlim_t)1 << 30)
#define CHECKER_DATA_MAX ((rlim_t)256 << 20)

/* A part is in force, or why not. True: go on all the same. */
static bool done(const char *part, int error, const char **why)
{
    if (error == 0)
        return true;
    if (error == ENOSYS) {
        dance_log(DANCE_LOG_DEBUG, "resolver: this kernel has no %s", part);
        return true;
    }
    *why = "the sandbox cannot be had";
    dance_log(DANCE_LOG_ERROR, "resolver: %s: %s", part, strerror(error));
    return !sandbox_was_root();
}

/* A user other than root may have been given some (systemd's AmbientCapabilities); they outlive
 * execve(). */
static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};
    struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};

    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    /* Where there are none, the call may be one that a unit's SystemCallFilter does not let
     * through. */
    if (syscall(SYS_capget, &header, now) == 0 && memcmp(now, none, sizeof(none)) == 0)
        return 0;
    return syscall(SYS_capset, &header, none) == 0 ? 0 : errno;
}

static int lower_limit(__rlimit_resource_t resource, rlim_t most)
{
    struct rlimit limit = {0, 0};

    if (getrlimit(resource, &limit) != 0)
        return errno;
    if (limit.rlim_max > most)
        limit.rlim_max = most;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(resource, &limit) == 0 ? 0 : errno;
}

static const char *log_of(const struct options *o)
{
    return o->log_target == DANCE_LOG_FILE ? o->log_file : NULL;
}

/* In whose folder files may be made: of the log; a sanitizer's reports are anywhere. */
static const char *written_of(const struct options *o)
{
    return SANDBOX_SANITIZED ? "/" : log_of(o);
}

static int confine_calls(const struct options *o, enum calls_of who)
{
    const struct calls_needs needs = {who, log_of(o) != NULL, o->log_target == DANCE_LOG_SYSLOG};

    return calls_confine(&needs);
}

bool sandbox_supervisor(const struct options *options, const char **why)
{
    return done("no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno, why)
           && done("capabilities", drop_capabilities(), why)
           /* Whoever is the same user could trace us; a leak checker, which does, may. */
           && (SANDBOX_SANITIZED
               || done("PR_SET_DUMPABLE", prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : errno, why))
           && done("RLIMIT_CORE", lower_limit(RLIMIT_CORE, 0), why)
           && done("Landlock", files_confine(true, written_of(options)), why)
           && done("seccomp", confine_calls(options, CALLS_SUPERVISOR), why);
}

/*
 * No RLIMIT_NPROC: it counts threads, too, and all processes of the user. No RLIMIT_FSIZE: the
 * log, or a file that is stderr, grows by others' lines as well; there is no other file. No
 * RLIMIT_AS: most of what a thread maps (its stack, its arena) it never touches; RLIMIT_DATA
 * counts what may be written.
 */
bool sandbox_worker(const struct options *options, const char **why)
{
    /* For the lines of syslog() and for times in certificates; it is a file. */
    tzset();
    /*
     * Landlock holds for this thread and not for those that there are. They are within the
     * supervisor's, which lets them read, and the filter of calls, which is for all of
     * them, lets nobody open anything.
     */
    return done("Landlock", files_confine(SANDBOX_SANITIZED, written_of(options)), why)
           && (SANDBOX_SANITIZED
               || done("RLIMIT_DATA", lower_limit(RLIMIT_DATA, WORKER_DATA_MAX), why))
           && done("seccomp", confine_calls(options, CALLS_WORKER), why);
}

bool sandbox_checker(const char **why)
{
    const struct options mute = {.log_target = DANCE_LOG_NONE};

    return done("Landlock", files_confine(SANDBOX_SANITIZED, SANDBOX_SANITIZED ? "/" : NULL), why)
           && (SANDBOX_SANITIZED
               || done("RLIMIT_DATA", lower_limit(RLIMIT_DATA, CHECKER_DATA_MAX), why))
           && done("seccomp", confine_calls(&mute, CALLS_CHECKER), why);
}
