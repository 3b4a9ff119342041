/*
 * main.c: dance-resolver, validated TLSA lookups in a process of their own.
 *
 * See doc/dance-resolver.8 for its use and doc/architecture.md for the reasons.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "dns.h"
#include "log.h"
#include "lookups.h"
#include "options.h"
#include "peers.h"
#include "privileges.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 64
#define SYSTEMD_FD 3

/* Stand for the descriptors that are not peers in epoll's data. */
static char dns_event;
static char signal_event;

static long long now_ms(void)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int watch(int epoll, int fd, void *data)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = data}};

    return fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* A socket that nobody answers on any more is in the way; a living one, or no socket, stays. */
static void remove_stale(const struct sockaddr_un *address)
{
    struct stat st;
    int fd;

    if (lstat(address->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0
        && errno == ECONNREFUSED)
        (void)unlink(address->sun_path);
    (void)close(fd);
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    remove_stale(&address);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0
        && (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0
            /* Whoever may run a TLS server may ask: answers are public data. */
            || chmod(path, 0666) != 0 || listen(fd, SOMAXCONN) != 0)) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* systemd's protocol, sd_listen_fds(3): the descriptor is for this process, and there is one. */
static int systemd_fd(void)
{
    const char *pid = getenv("LISTEN_PID");
    const char *fds = getenv("LISTEN_FDS");

    return pid != NULL && fds != NULL && strtol(pid, NULL, 10) == (long)getpid()
                   && strcmp(fds, "1") == 0
               ? SYSTEMD_FD
               : -1;
}

static int open_transport(const struct options *o)
{
    int fd;

    if (o->channel >= 0)
        return peers_add_control(o->channel);
    fd = o->listen_fds ? systemd_fd() : listen_at(o->socket);
    if (fd < 0) {
        dance_log(DANCE_LOG_ERROR, "resolver: %s: %s",
                  o->listen_fds ? "no socket came from systemd" : o->socket,
                  o->listen_fds ? "see sd_listen_fds(3)" : strerror(errno));
        return 0;
    }
    return peers_add_listener(fd);
}

/* SIGTERM and SIGINT end the process in order; SIGUSR1 logs the counters. */
static int open_signals(void)
{
    sigset_t set;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGUSR1);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void log_counters(void)
{
    const struct lookups_counters *c = lookups_counters();

    dance_log(DANCE_LOG_DEBUG,
              "resolver: %llu queries, %llu joined a lookup in flight, %llu found too many, "
              "%llu not answered in time; %llu lookups secure, %llu not",
              c->asked, c->joined, c->busy, c->late, c->secure, c->refused);
}

/* 1: go on; 0: end. */
static int on_signal(int fd)
{
    struct signalfd_siginfo info;

    if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 1;
    if (info.ssi_signo != SIGUSR1)
        return 0;
    log_counters();
    return 1;
}

static int run(int epoll, int signals, bool embedded)
{
    struct epoll_event events[EVENTS];

    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, lookups_pending() ? LOOKUPS_TICK_MS : -1);
        long long now = now_ms();

        if (n < 0 && errno != EINTR)
            return EXIT_FAILURE;
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &signal_event) {
                if (!on_signal(signals))
                    return EXIT_SUCCESS;
            } else if (events[i].data.ptr == &dns_event) {
                if (!dns_process()) {
                    dance_log(DANCE_LOG_ERROR, "resolver: libunbound has come to an end");
                    return EXIT_FAILURE;
                }
            } else {
                peers_event(events[i].data.ptr, now);
            }
        }
        lookups_expire(now);
        peers_bury();
        /* The last user has gone: nobody could ever ask again. */
        if (embedded && peers_count() == 0)
            return EXIT_SUCCESS;
    }
}

static void raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char *argv[])
{
    struct options options;
    const char *unavailable = NULL;
    const char *why = "";
    int read = options_read(&options, argc, argv);
    int epoll = -1;
    int signals = -1;
    int status = EXIT_FAILURE;

    if (read <= 0)
        return read == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    dance_log_configure(options.log_target, options.log_file, options.log_level);
    dance_log_open();
    (void)prctl(PR_SET_NAME, "dance-resolver");
    (void)umask(077);
    raise_limit();
    signals = open_signals();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    peers_open(epoll, options.max_per_client);
    if (epoll < 0 || !watch(epoll, signals, &signal_event) || !open_transport(&options)) {
        dance_log(DANCE_LOG_ERROR, "resolver: cannot be set up");
        return EXIT_FAILURE;
    }
    /* Files are read, then root is given up; a fault of the files is every lookup's answer. */
    if (!dns_open(&options, &unavailable))
        dance_log(DANCE_LOG_ERROR, "resolver: %s", unavailable);
    lookups_open(options.max_lookups, unavailable, peers_deliver);
    if (!privileges_drop(options.user, &why))
        dance_log(DANCE_LOG_ERROR, "resolver: %s", why);
    else if (unavailable == NULL && !watch(epoll, dns_fd(), &dns_event))
        dance_log(DANCE_LOG_ERROR, "resolver: cannot be set up");
    else
        status = run(epoll, signals, options.channel >= 0);
    log_counters();
    lookups_close();
    peers_close();
    dns_close();
    (void)close(epoll);
    (void)close(signals);
    return status;
}
