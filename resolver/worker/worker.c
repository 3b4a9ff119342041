/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/worker.h"

#include "link.h"
#include "log.h"
#include "now.h"
#include "uid.h"
#include "worker/chain/chains.h"
#include "worker/changes.h"
#include "worker/collect/collect.h"
#include "worker/dns/dns.h"
#include "worker/lookups/lookups.h"
#include "worker/lookups/names.h"
#include "worker/lookups/wanted.h"
#include "worker/peers/peers.h"
#include "worker/sandbox/sandbox.h"
#include "worker/tally.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#define EVENTS 64
#define PEERS_MAX 8192u
#define DNS_SOCKETS_MIN 1024u /* where there are descriptors for them */
/* An ordinary user's worker stands back when there is not enough for all. */
#define NICE 5
/* With nobody at the other end of anything it stays for a moment, for who comes again and again. */
#define ALONE_MS 10000
/* One that libunbound had no memory for stays so long all the same: the next may have none, too. */
#define NO_MEMORY_MS 5000

/* Stand for the descriptors that are not peers in epoll's data. */
static char dns_event[DNS_CONTEXTS];
static char link_event;
static char calendar_event;
static char no_memory_event;

static const struct options *options;
static int poller = -1;
static int link_fd = -1;
static bool orphan;     /* the supervisor has gone: whoever is here is served to the end */
static int ending = -1; /* the exit status, once it is known */
static long long begun_ms;
static bool no_memory; /* libunbound had none: what it was asked for may be lost */

static bool watch(int fd, void *data)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = data}};

    return fd >= 0 && epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void log_counters(enum dance_log_level level)
{
    const struct lookups_counters *c = lookups_counters();
    const struct chains_counters *chains = chains_counters();

    dance_log(level,
              "resolver: %llu queries (%llu joined a lookup in flight, %llu refused as too many, "
              "%llu not answered in time), %llu lookups ended (%llu secure), %llu given up",
              c->asked, c->joined, c->busy + c->busy_client + c->busy_domain, c->late + c->silent,
              c->ended, c->secure, c->dropped);
    dance_log(
        level,
        "resolver: %lu names kept, %llu queries answered from them, %llu renewed ahead, %u "
        "held; %u lookups in flight; refused: %llu in all, %llu of a process, %llu of a domain",
        names_kept(), c->hits, c->renewed, wanted_held(), lookups_in_flight(), c->busy,
        c->busy_client, c->busy_domain);
    if (chains->asked > 0)
        dance_log(
            level,
            "resolver: %llu chains (%llu refused as too many, %llu not checked in time), %llu "
            "checked (%llu secure)",
            chains->asked, chains->busy, chains->late, chains->checked, chains->secure);
}

static void want_checker(void)
{
    (void)link_send(link_fd, LINK_CHECK, -1);
}

static void on_forget(void)
{
    (void)link_send(link_fd, LINK_FORGET, -1);
}

static void link_message(void)
{
    enum link_received received;
    enum link_word word;
    int fd;

    while ((received = link_receive(link_fd, &word, &fd)) == LINK_HERE) {
        switch (word) {
        case LINK_CHANNEL:
            if (fd >= 0)
                (void)peers_add_control(fd);
            fd = -1;
            break;
        case LINK_CHECKER:
            if (fd >= 0)
                chains_add_checker(fd, dance_now_ms());
            fd = -1;
            break;
        case LINK_PING:
            (void)link_send(link_fd, LINK_PONG, -1);
            break;
        case LINK_COUNTERS:
            log_counters(DANCE_LOG_INFO);
            break;
        case LINK_END:
            ending = EXIT_SUCCESS;
            break;
        default:
            break;
        }
        if (fd >= 0)
            (void)close(fd);
    }
    if (received != LINK_OVER)
        return;
    orphan = true;
    (void)epoll_ctl(poller, EPOLL_CTL_DEL, link_fd, NULL);
}

static bool is_dns(const void *data)
{
    for (int i = 0; i < DNS_CONTEXTS; i++) {
        if (data == &dns_event[i])
            return true;
    }
    return false;
}

static void on_event(void *data, long long now)
{
    if (data == &link_event) {
        link_message();
    } else if (data == &calendar_event) {
        dance_log(DANCE_LOG_INFO, "resolver: the calendar was set, the worker begins anew");
        ending = WORKER_AGAIN;
    } else if (data == &no_memory_event) {
        no_memory = true;
        (void)epoll_ctl(poller, EPOLL_CTL_DEL, dns_no_memory_fd(), NULL);
    } else if (!is_dns(data)) {
        if (!chains_event(data, now))
            peers_event(data, now);
    } else if (!lookups_take_results((int)((char *)data - dns_event), now)) {
        dance_log(DANCE_LOG_ERROR, "resolver: libunbound has come to an end");
        /* It would be waited for in vain by an orderly end. */
        _exit(WORKER_AGAIN);
    }
}

static unsigned long long asked_in_all(void)
{
    return lookups_counters()->asked + chains_counters()->asked + collect_asked();
}

/* Is there a reason to end that is not an event? */
static void look_for_an_end(long long now)
{
    static unsigned long long asked;
    static long long asked_ms;
    static long long busy_ms;

    if (no_memory && now - begun_ms >= NO_MEMORY_MS) {
        dance_log(DANCE_LOG_ERROR, "resolver: libunbound had no memory, the worker begins anew");
        /* What has lost something is not asked to free it. */
        _exit(WORKER_AGAIN);
    }
    if (asked_ms == 0)
        asked_ms = busy_ms = now;
    if (peers_count() > 0)
        busy_ms = now;
    if (asked_in_all() != asked || wanted_held() > 0) {
        asked = asked_in_all();
        asked_ms = now;
        if (changes_seen(now))
            ending = WORKER_AGAIN;
    }
    if (now - busy_ms >= ALONE_MS || (orphan && peers_count() == 0)
        || now - asked_ms >= (long long)options->idle * 1000)
        ending = EXIT_SUCCESS;
}

static int sooner(int wait, int other)
{
    return wait < 0 || (other >= 0 && other < wait) ? other : wait;
}

static int wait_ms(long long now)
{
    int wait =
        sooner(sooner(lookups_wait_ms(now), sooner(chains_wait_ms(now), collect_wait_ms(now))),
               sooner(ALONE_MS, (int)options->idle * 1000));

    if (peers_have_work())
        return 0;
    if (no_memory)
        wait =
            sooner(wait, now - begun_ms < NO_MEMORY_MS ? (int)(begun_ms + NO_MEMORY_MS - now) : 0);
    return wait;
}

static int run(void)
{
    struct epoll_event events[EVENTS];

    while (ending < 0) {
        int n = epoll_wait(poller, events, EVENTS, wait_ms(dance_now_ms()));
        long long now = dance_now_ms();

        if (n < 0 && errno != EINTR)
            return EXIT_FAILURE;
        for (int i = 0; i < n; i++)
            on_event(events[i].data.ptr, now);
        peers_work(now);
        chains_expire(now);
        collect_expire(now);
        lookups_expire(now);
        peers_bury();
        tally_publish();
        look_for_an_end(now);
    }
    return ending;
}

static bool watch_all(bool dns)
{
    bool ok = watch(link_fd, &link_event) && watch(changes_fd(), &calendar_event);

    for (int i = 0; ok && dns && i < DNS_CONTEXTS; i++)
        ok = watch(dns_fd(i), &dns_event[i]);
    if (ok && dns && dns_no_memory_fd() >= 0)
        ok = watch(dns_no_memory_fd(), &no_memory_event);
    return ok;
}

static unsigned at_most(unsigned n, unsigned max)
{
    return n < max ? n : max;
}

static unsigned descriptors(void)
{
    struct rlimit limit = {0, 0};

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (unsigned)limit.rlim_cur : 1024;
}

int worker_run(const struct options *of, uid_t uid, int link, const struct dance_generation *page,
               struct figures *figures)
{
    unsigned all = at_most(descriptors(), 65536);
    struct peers_limits limits = {at_most(all / 2, PEERS_MAX), of->max_per_client};
    unsigned sockets = at_most(all / 6, of->max_lookups + DNS_SOCKETS_MIN);
    /* Each lookup has a socket of its own: those of slow names leave none to wait for. */
    struct lookups_limits lookups = {at_most(of->max_lookups, sockets), of->max_per_client,
                                     of->denial_ttl};
    const char *unavailable = NULL;
    const char *why = NULL;
    int status = WORKER_AGAIN;
    sigset_t none;
    bool dns;

    options = of;
    begun_ms = dance_now_ms();
    link_fd = link;
    (void)prctl(PR_SET_NAME, "dance-worker");
    /* The supervisor waits for that, or for our end. */
    if (!link_send(link, LINK_BEGUN, -1))
        return EXIT_FAILURE;
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGUSR1, SIG_IGN);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    /* Behind root's, wherever who runs the resolver has put them all. */
    if (uid > DANCE_UID_SYSTEM_MAX)
        (void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICE);
    poller = epoll_create1(EPOLL_CLOEXEC);
    changes_open(options);
    tally_open(figures);
    peers_open(poller, limits, page, figures, on_forget);
    /* A fault of the files is every lookup's answer, until they change. */
    if (lookups.lookups < options->max_lookups)
        dance_log(DANCE_LOG_DEBUG, "resolver: --max-lookups %u: there are descriptors for %u",
                  options->max_lookups, lookups.lookups);
    dns = dns_open(options, sockets, &unavailable);
    unavailable = lookups_open(lookups, unavailable, peers_deliver);
    if (unavailable != NULL)
        dance_log(DANCE_LOG_ERROR, "resolver: %s", unavailable);
    changes_broken(unavailable != NULL);
    figures_state(figures, unavailable == NULL ? DANCE_WORKER_READY : DANCE_WORKER_BROKEN,
                  unavailable);
    chains_open(poller, want_checker);
    collect_open(unavailable, peers_deliver_collected);
    if (!sandbox_worker(options, &why))
        dance_log(DANCE_LOG_ERROR, "resolver: %s", why);
    else if (watch_all(dns))
        status = run();
    else
        dance_log(DANCE_LOG_ERROR, "resolver: cannot be set up: %s", strerror(errno));
    if (asked_in_all() > 0)
        log_counters(DANCE_LOG_DEBUG);
    /* Peers first: they hold names (name_list.h) and wait for lookups. */
    peers_close();
    chains_close();
    collect_close();
    lookups_close();
    dns_close();
    changes_close();
    (void)close(poller);
#ifdef __SANITIZE_ADDRESS__
    /* Nothing else runs at the end of this process: there may be a thread that cannot end. */
    __lsan_do_leak_check();
#endif
    /* link_fd is closed by the end of this process: the next worker begins then, not before. */
    return status;
}
