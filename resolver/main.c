/*
 * main.c: dance-resolver, validated TLSA lookups in a process of their own.
 *
 * See doc/dance-resolver.8 for its use and doc/architecture.md for the reasons.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "log.h"
#include "options.h"
#include "supervisor/sockets.h"
#include "worker/dns/dns.h"
#include "worker/lookups/lookups.h"
#include "worker/lookups/wanted.h"
#include "worker/peers/peers.h"
#include "worker/sandbox/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 64
#define DESCRIPTORS_MAX 65536u /* more are not made use of */
#define PEERS_MAX 8192u
#define DENIAL_TTL 30u        /* seconds for which a denial is believed at the most */
#define DNS_SOCKETS_MIN 1024u /* where there are descriptors for them */

/* Stand for the descriptors that are not peers in epoll's data. */
static char dns_event[DNS_CONTEXTS];
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

static int open_transport(const struct options *o)
{
    int fd;

    if (o->channel >= 0) {
        if (!socket_is_ours(o->channel, false)) {
            dance_log(DANCE_LOG_ERROR,
                      "resolver: --channel %d: not an AF_UNIX SOCK_SEQPACKET socket", o->channel);
            return 0;
        }
        (void)fcntl(o->channel, F_SETFD, FD_CLOEXEC);
        return peers_add_control(o->channel);
    }
    fd = o->listen_fds ? socket_from_systemd() : socket_listen(o->socket);
    if (fd < 0) {
        dance_log(DANCE_LOG_ERROR, "resolver: %s: %s",
                  o->listen_fds ? "no socket came from systemd" : o->socket,
                  o->listen_fds ? "see sd_listen_fds(3)" : strerror(errno));
        return 0;
    }
    return peers_add_listener(fd);
}

/*
 * SIGTERM and SIGINT end the process in order; SIGUSR1 logs the counters. What
 * whoever started us blocked or ignored is forgotten.
 */
static int open_signals(void)
{
    sigset_t set;

    for (int sig = 1; sig < NSIG; sig++)
        (void)signal(sig, SIG_DFL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGUSR1);
    if (sigprocmask(SIG_SETMASK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void log_counters(void)
{
    const struct lookups_counters *c = lookups_counters();

    dance_log(DANCE_LOG_INFO,
              "resolver: %llu queries (%llu joined a lookup in flight, %llu refused as too many, "
              "%llu not answered in time), %llu lookups ended (%llu secure), %llu given up",
              c->asked, c->joined, c->busy + c->busy_client + c->busy_domain, c->late + c->silent,
              c->ended, c->secure, c->dropped);
    dance_log(
        DANCE_LOG_INFO,
        "resolver: %lu names kept, %llu queries answered from them, %llu renewed ahead, %u "
        "held; %u lookups in flight; refused: %llu in all, %llu of a process, %llu of a domain",
        names_kept(), c->hits, c->renewed, wanted_held(), lookups_in_flight(), c->busy,
        c->busy_client, c->busy_domain);
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

static bool is_dns(const void *data)
{
    for (int i = 0; i < DNS_CONTEXTS; i++) {
        if (data == &dns_event[i])
            return true;
    }
    return false;
}

static void take_results(int context, long long now)
{
    if (lookups_take_results(context, now))
        return;
    dance_log(DANCE_LOG_ERROR, "resolver: libunbound has come to an end");
    /* It would be waited for in vain by an orderly end. */
    _exit(EXIT_FAILURE);
}

static int watch_dns(int epoll)
{
    int ok = 1;

    for (int i = 0; ok && i < DNS_CONTEXTS; i++)
        ok = watch(epoll, dns_fd(i), &dns_event[i]);
    return ok;
}

static int run(int epoll, int signals, bool embedded)
{
    struct epoll_event events[EVENTS];

    for (;;) {
        int wait = peers_have_work() ? 0 : lookups_wait_ms(now_ms());
        int n = epoll_wait(epoll, events, EVENTS, wait);
        long long now = now_ms();

        if (n < 0 && errno != EINTR)
            return EXIT_FAILURE;
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &signal_event) {
                if (!on_signal(signals))
                    return EXIT_SUCCESS;
            } else if (is_dns(events[i].data.ptr)) {
                take_results((int)((char *)events[i].data.ptr - dns_event), now);
            } else {
                peers_event(events[i].data.ptr, now);
            }
        }
        peers_work(now);
        lookups_expire(now);
        peers_bury();
        /* The last user has gone: nobody could ever ask again. */
        if (embedded && peers_count() == 0)
            return EXIT_SUCCESS;
    }
}

/* Raise the limit of descriptors as far as it goes, and say how far. */
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

static unsigned at_most(unsigned n, unsigned max)
{
    return n < max ? n : max;
}

/* Set everything up, run, and take it down; the exit status. */
static int serve(const struct options *options, int epoll, int signals)
{
    unsigned descriptors = raise_limit();
    struct peers_limits limits = {at_most(descriptors / 2, PEERS_MAX), options->max_per_client};
    unsigned sockets = at_most(descriptors / 4, options->max_lookups + DNS_SOCKETS_MIN);
    /* Each lookup has a socket of its own: those of slow names leave none to wait for. */
    struct lookups_limits lookups = {at_most(options->max_lookups, sockets),
                                     options->max_per_client, DENIAL_TTL};
    const char *unavailable = NULL;
    const char *why = "";
    int status = EXIT_FAILURE;

    peers_open(epoll, limits);
    if (!open_transport(options)) {
        peers_close();
        return EXIT_FAILURE;
    }
    privileges_keep_none();
    /* Files are read, then root is given up; a fault of the files is every lookup's answer. */
    if (lookups.lookups < options->max_lookups)
        dance_log(DANCE_LOG_INFO, "resolver: --max-lookups %u: there are descriptors for %u",
                  options->max_lookups, lookups.lookups);
    if (!dns_open(options, sockets, &unavailable))
        dance_log(DANCE_LOG_ERROR, "resolver: %s", unavailable);
    lookups_open(lookups, unavailable, peers_deliver);
    if (!privileges_drop(options->user, &why))
        dance_log(DANCE_LOG_ERROR, "resolver: %s", why);
    else if (chdir("/") != 0 || (unavailable == NULL && !watch_dns(epoll)))
        dance_log(DANCE_LOG_ERROR, "resolver: cannot be set up: %s", strerror(errno));
    else
        status = run(epoll, signals, options->channel >= 0);
    if (lookups_counters()->asked > 0)
        log_counters();
    /* Peers first: they hold names (name_list.h) and wait for lookups. */
    peers_close();
    lookups_close();
    dns_close();
    return status;
}

int main(int argc, char *argv[])
{
    struct options options;
    int read = options_read(&options, argc, argv);
    int epoll;
    int signals;
    int status = EXIT_FAILURE;

    if (read <= 0)
        return read == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    (void)prctl(PR_SET_NAME, "dance-resolver");
    (void)umask(077);
    dance_log_configure(options.log_target, options.log_file, options.log_level);
    dance_log_open();
    /* Before libunbound's thread begins, which is to leave the signals to us. */
    signals = open_signals();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll >= 0 && watch(epoll, signals, &signal_event))
        status = serve(&options, epoll, signals);
    else
        dance_log(DANCE_LOG_ERROR, "resolver: cannot be set up: %s", strerror(errno));
    if (epoll >= 0)
        (void)close(epoll);
    if (signals >= 0)
        (void)close(signals);
    return status;
}
