/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/supervisor.h"

#include "log.h"
#include "now.h"
#include "socket_kind.h"
#include "supervisor/burial.h"
#include "supervisor/channels.h"
#include "supervisor/notify.h"
#include "supervisor/sockets.h"
#include "supervisor/status.h"
#include "supervisor/users.h"
#include "supervisor/workers.h"
#include "worker/chain/checker.h"
#include "worker/sandbox/sandbox.h"
#include "worker/sandbox/user.h"
#include "worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 65536u /* more are not made use of */
#define LOG_INTERVAL_MS 10000
/* When whoever is at the door is looked after again, where there was no room for him. */
#define DOOR_INTERVAL_MS 100

/* Stand for the descriptors that are not the users' in epoll's data. */
static char signal_event;
static char listener_event;
static char room_event;

static const struct options *options;
static int poller = -1;
static int signals = -1;
static int listener = -1; /* -1: one application's own resolver */
static bool is_open;      /* the listener is watched */
static long long shut_to; /* nobody is let in before this: there was no descriptor */
static int unstored = -1; /* a copy of a channel that systemd has no room for yet */
static long long quiet_to;

static void log_sometimes(const char *text)
{
    long long now = dance_now_ms();

    if (now < quiet_to)
        return;
    quiet_to = now + LOG_INTERVAL_MS;
    dance_log(DANCE_LOG_ERROR, "resolver: %s", text);
}

/* In a process of its own: what is left of the supervisor there. */
static void leave(void)
{
    (void)close(signals);
    if (listener >= 0)
        (void)close(listener);
    if (unstored >= 0)
        (void)close(unstored);
    notify_close();
}

static int work(uid_t uid, int link, const struct dance_generation *page, struct figures *figures)
{
    leave();
    burial_forget();
    return worker_run(options, uid, link, page, figures);
}

static int check(uid_t uid, int socket)
{
    leave();
    burial_forget();
    return checker_run(options, uid, socket);
}

static void bury(void)
{
    workers_forget_descriptors();
    leave();
}

static bool watch(int fd, void *data, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.ptr = data}};

    return fd >= 0 && epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void watch_no_more(int fd)
{
    (void)epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL);
}

/* Have systemd keep a channel, for our successor. */
static void store(int fd)
{
    if (notify_store(fd))
        return;
    unstored = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (unstored >= 0)
        (void)watch(notify_fd(), &room_event, EPOLLOUT);
}

static void store_again(void)
{
    if (unstored < 0 || !notify_store(unstored))
        return;
    burial_add(unstored);
    unstored = -1;
    watch_no_more(notify_fd());
}

/*
 * While there is no room for one more nobody is let in: they wait in the listener's queue, and none
 * is forgotten. Milliseconds until that is to be seen again; -1: when something has happened.
 */
static int heed_door(long long now_ms)
{
    bool has_room = burial_has_room();
    bool opens = unstored < 0 && has_room && now_ms >= shut_to;

    if (listener < 0)
        return -1;
    if (!has_room && burial_is_stuck())
        log_sometimes("nobody is let in: too many connections have ended and cannot be closed");
    if (opens && !is_open)
        is_open = watch(listener, &listener_event, EPOLLIN);
    if (!opens && is_open) {
        watch_no_more(listener);
        is_open = false;
    }
    return is_open ? -1 : DOOR_INTERVAL_MS;
}

static void accept_one(void)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    bool asks;
    uid_t uid;

    if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        /* The listener stays readable. */
        log_sometimes("no connection can be taken: there is no descriptor, or no memory");
        shut_to = dance_now_ms() + DOOR_INTERVAL_MS;
    }
    if (fd < 0)
        return;
    if (!socket_user(fd, &uid)) {
        log_sometimes("a client was turned away: its user has no number here");
        burial_turn_away(fd);
        return;
    }
    asks = socket_peer_has_name(fd);
    if (asks)
        status_say(fd, uid);
    /* Who asks has sent us something, perhaps, and is buried as everybody is. */
    if (!users_add(uid, fd)) {
        log_sometimes("a client was turned away: too many connections");
        burial_turn_away(fd);
    } else if (!asks) {
        store(fd);
    }
}

/* Take a control channel that was there before us. false: it is nobody's. */
static bool take(int fd)
{
    uid_t uid;

    if (socket_user(fd, &uid) && users_add(uid, fd))
        return true;
    burial_turn_away(fd);
    return false;
}

static bool open_transport(void)
{
    int count = 0;
    int fd;

    if (options->channel >= 0) {
        if (socket_is_ours(options->channel, false)) {
            (void)fcntl(options->channel, F_SETFD, FD_CLOEXEC);
            return take(options->channel);
        }
        dance_log(DANCE_LOG_ERROR, "resolver: --channel %d: not an AF_UNIX SOCK_SEQPACKET socket",
                  options->channel);
        return false;
    }
    if (options->listen_fds) {
        /* The one that listens, and the connections that our predecessor left for us. */
        for (; (fd = socket_from_systemd(count)) >= 0; count++) {
            if (listener < 0 && socket_is_ours(fd, true))
                listener = fd;
            else if (socket_is_ours(fd, false))
                (void)take(fd);
            else
                (void)close(fd);
        }
    } else {
        listener = socket_listen(options->socket);
    }
    if (listener >= 0)
        return true;
    dance_log(DANCE_LOG_ERROR, "resolver: %s: %s",
              options->listen_fds ? "no socket came from systemd" : options->socket,
              options->listen_fds ? "see sd_listen_fds(3)" : strerror(errno));
    return false;
}

/* What whoever started us blocked or ignored is forgotten. */
static int open_signals(void)
{
    sigset_t set;

    for (int sig = 1; sig < NSIG; sig++)
        (void)signal(sig, SIG_DFL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGUSR1);
    (void)sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_SETMASK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void reap(void)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (!burial_ended(pid))
            users_ended(pid, status, dance_now_ms());
    }
}

/* false: end. */
static bool on_signal(void)
{
    struct signalfd_siginfo info;

    if (read(signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return true;
    if (info.ssi_signo == SIGCHLD) {
        reap();
    } else if (info.ssi_signo == SIGHUP) {
        users_forget();
    } else if (info.ssi_signo == SIGUSR1) {
        dance_log(DANCE_LOG_INFO, "resolver: %u workers, %u control channels", workers_count(),
                  channels_count());
        users_log_counters();
    } else {
        return false;
    }
    return true;
}

static int sooner(int wait, int other)
{
    return wait < 0 || (other >= 0 && other < wait) ? other : wait;
}

static int run(void)
{
    struct epoll_event event;

    for (;;) {
        long long now = dance_now_ms();
        int wait = sooner(users_tick(now), notify_alive(now));
        int n;

        wait = sooner(wait, burial_tick(now));
        wait = sooner(wait, heed_door(now));
        /* One at a time: what is behind the next might have ended with this one. */
        n = epoll_wait(poller, &event, 1, wait);

        if (n < 0 && errno != EINTR)
            return EXIT_FAILURE;
        if (n > 0 && event.data.ptr == &signal_event) {
            if (!on_signal())
                return EXIT_SUCCESS;
        } else if (n > 0 && event.data.ptr == &listener_event) {
            accept_one();
        } else if (n > 0 && event.data.ptr != &room_event) {
            users_event(event.data.ptr, event.events, dance_now_ms());
        }
        store_again();
        /* The last user has gone: nobody could ever ask again. */
        if (listener < 0 && channels_count() == 0 && workers_count() == 0)
            return EXIT_SUCCESS;
    }
}

/* Raise the limit of descriptors as far as it goes, for the workers too, and say how far. */
static unsigned raise_limit(void)
{
    struct rlimit limit = {0, 0};

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > DESCRIPTORS_MAX)
        return DESCRIPTORS_MAX;
    return (unsigned)limit.rlim_cur;
}

static bool set_up(void)
{
    unsigned descriptors = raise_limit();
    struct users_limits limits = {descriptors - descriptors / 8, options->max_workers};
    const char *why = "cannot be set up";

    notify_open();
    status_open();
    signals = open_signals();
    poller = epoll_create1(EPOLL_CLOEXEC);
    workers_open(poller, work, check);
    users_open(poller, limits);
    if (!watch(signals, &signal_event, EPOLLIN) || !burial_open(descriptors, bury)) {
        dance_log(DANCE_LOG_ERROR, "resolver: cannot be set up: %s", strerror(errno));
        return false;
    }
    if (!open_transport())
        return false;
    if (chdir("/") == 0 && sandbox_become(options->user, &why) && sandbox_supervisor(options, &why))
        return true;
    dance_log(DANCE_LOG_ERROR, "resolver: %s", why);
    return false;
}

/*
 * A process that nobody waits for has copies of all that is closed now, of the listener too, in
 * whose queue somebody may stand who has sent something, until we have ended.
 */
static void keep_until_we_end(void)
{
    pid_t before = getpid();

    if (fork() != 0)
        return;
    burial_name();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == before)
        (void)poll(NULL, 0, -1);
    _exit(EXIT_SUCCESS);
}

int supervise(const struct options *of)
{
    int status = EXIT_FAILURE;

    options = of;
    if (set_up()) {
        notify_ready();
        status = run();
    }
    if (listener >= 0 && !options->listen_fds)
        (void)shutdown(listener, SHUT_RDWR); /* systemd's is our successor's, too */
    keep_until_we_end();
    if (listener >= 0)
        (void)close(listener);
    users_close();
    notify_close();
    return status;
}
