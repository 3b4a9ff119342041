/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/users.h"

#include "figures.h"
#include "link.h"
#include "log.h"
#include "now.h"
#include "supervisor/channels.h"
#include "supervisor/checkers.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYSTEM_UID_MAX 999u
#define LOGIN_UID_MAX 65535u
/* A worker that ends at once is not started in a loop: so many times in so many milliseconds. */
#define STARTS_MAX 3u
#define START_INTERVAL_MS 1000
/* Whose worker cannot even be killed may have so many of them. */
#define LOST_MAX 2u
/* Users that have nothing any more, of whom is still known what was counted. */
#define REMEMBERED_MAX 64u
#define LOG_INTERVAL_MS 10000

struct worker {
    enum watched kind;
    LIST_ENTRY(worker) all;
    struct user *user;
    pid_t pid;
    int link;           /* -1: given up, to be waited for */
    long long asked_ms; /* since when an answer is due; 0: none is */
    long long since_ms; /* when it was started */
};

struct user {
    LIST_ENTRY(user) all;
    uid_t uid;
    struct channels channels;
    struct worker *worker;
    struct dance_generation page;
    struct figures *figures;
    bool forgetting;      /* what was found is void when the worker has ended */
    unsigned lost;        /* workers that were given up and have not ended */
    long long begun_ms;   /* when a worker was first started in this interval */
    unsigned starts;      /* how often since then */
    long long not_before; /* no worker before this; 0: now */
    struct checkers checkers;
};

static LIST_HEAD(user_list, user) users = LIST_HEAD_INITIALIZER(users);
static LIST_HEAD(worker_list, worker) workers = LIST_HEAD_INITIALIZER(workers);
static int poller;
static struct users_limits limit;
static users_work *work_of;
static users_check *check_of;
static unsigned worker_count;
static long long pinged_ms;
static long long quiet_to;
static long long checkers_quiet_to; /* a client's chains do not keep a line on workers back */

void users_open(int epoll, struct users_limits limits, users_work *work, users_check *check)
{
    poller = epoll;
    limit = limits;
    work_of = work;
    check_of = check;
}

/* What of all a user may take when others have taken some: something is left for those below. */
static unsigned room(unsigned all, uid_t uid)
{
    if (uid == 0)
        return all;
    if (uid <= SYSTEM_UID_MAX)
        return all - all / 8;
    /* Subordinate numbers, as containers have them: one who logs in may be many of these. */
    return uid <= LOGIN_UID_MAX ? all - all / 4 : all / 2;
}

/* What of all one user may have, while others have none. */
static unsigned share(unsigned all, uid_t uid)
{
    return uid == 0 ? all : all / 4;
}

/* It repeats itself with every connection; a line now and then will do. */
static void log_unless(long long *quiet, uid_t uid, const char *text, long long now_ms)
{
    if (now_ms < *quiet)
        return;
    *quiet = now_ms + LOG_INTERVAL_MS;
    dance_log(DANCE_LOG_ERROR, "resolver: user %lu: %s", (unsigned long)uid, text);
}

static void log_sometimes(uid_t uid, const char *text, long long now_ms)
{
    log_unless(&quiet_to, uid, text, now_ms);
}

static struct user *find_user(uid_t uid)
{
    struct user *u;

    LIST_FOREACH(u, &users, all)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (u->uid == uid)
            return u->page.fd >= 0 || dance_generation_make(&u->page) ? u : NULL;
    }
    u = calloc(1, sizeof(*u));
    if (u == NULL)
        return NULL;
    u->figures = figures_make();
    if (u->figures == NULL || !dance_generation_make(&u->page)) {
        figures_free(u->figures);
        free(u);
        return NULL;
    }
    u->uid = uid;
    channels_open(&u->channels, poller, u);
    LIST_INSERT_HEAD(&users, u, all);
    return u;
}

static bool is_used(const struct user *u)
{
    return u->channels.count > 0 || u->worker != NULL || u->lost > 0 || u->checkers.running > 0;
}

static void free_user(struct user *u)
{
    LIST_REMOVE(u, all);
    dance_generation_free(&u->page);
    figures_free(u->figures);
    free(u);
}

/* Whoever has a process for each connection comes again, and is counted on. */
static void remember_unless_used(struct user *u)
{
    struct user *oldest = NULL;
    unsigned remembered = 0;

    if (is_used(u))
        return;
    dance_generation_free(&u->page);
    LIST_REMOVE(u, all);
    LIST_INSERT_HEAD(&users, u, all);
    LIST_FOREACH(u, &users, all)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (is_used(u))
            continue;
        remembered++;
        oldest = u;
    }
    if (remembered > REMEMBERED_MAX)
        free_user(oldest);
}

/* A channel is looked at for what its worker is needed for, and with a worker for its end. */
static void watch_channels(struct user *u)
{
    if (u->worker != NULL)
        channels_watch(&u->channels, CHANNELS_END);
    else
        channels_watch(&u->channels, u->not_before == 0 ? CHANNELS_WORD : CHANNELS_NONE);
}

/* Give the worker what it has not got yet, as far as it takes it now. */
static void give(struct user *u)
{
    bool all = channels_give(&u->channels, u->worker->link);

    heed_events(poller, u->worker->link, u->worker, all ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

/* In a process of its own: nothing of what is here is the worker's, but what is of its user. */
static void forget_others(const struct user *own)
{
    struct worker *w;

    for (struct user *u = LIST_FIRST(&users); u != NULL; u = LIST_NEXT(u, all)) {
        channels_forget(&u->channels);
        if (u == own)
            continue;
        dance_generation_free(&u->page);
        figures_free(u->figures);
    }
    LIST_FOREACH(w, &workers, all)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (w->link >= 0)
            (void)close(w->link);
    }
    (void)close(poller);
}

/* Why u cannot have a worker now; NULL when it can. */
static const char *refusal(struct user *u, long long now_ms)
{
    if (worker_count >= room(limit.workers, u->uid))
        return "no worker for this user: there are too many users";
    if (u->lost >= LOST_MAX)
        return "no worker for this user: the ones before do not end";
    if (now_ms - u->begun_ms >= START_INTERVAL_MS) {
        u->begun_ms = now_ms;
        u->starts = 0;
    }
    if (u->starts == STARTS_MAX)
        return "no worker for this user: it ends as soon as it is started";
    return NULL;
}

/*
 * A process with the end [1] of a pair, and with what is of this user (NULL: nobody); its number,
 * 0 in it, or -1. The other end stays here.
 */
static pid_t fork_with(int ends[2], const struct user *own)
{
    pid_t pid = fork();

    if (pid == 0) {
        forget_others(own);
        (void)close(ends[0]);
    } else {
        (void)close(ends[1]);
    }
    return pid;
}

/*
 * Wait until a process has let go of the copies that fork() gave it: nothing of theirs ends
 * meanwhile, so that none of them is the last one, which takes as long to close as whoever sent it
 * likes.
 */
static void await_begin(int end)
{
    struct pollfd begun = {.fd = end, .events = POLLIN};

    while (poll(&begun, 1, -1) < 0 && errno == EINTR)
        continue;
}

static void start(struct user *u, long long now_ms)
{
    const char *why = refusal(u, now_ms);
    struct worker *w = why == NULL ? calloc(1, sizeof(*w)) : NULL;
    int ends[2] = {-1, -1};

    u->starts += why == NULL;
    if (w != NULL && link_make(ends) == 0) {
        figures_state(u->figures, DANCE_WORKER_BEGINS, NULL);
        w->pid = fork_with(ends, u);
        if (w->pid == 0)
            _exit(work_of(u->uid, ends[1], &u->page, u->figures));
    } else if (w != NULL) {
        w->pid = -1;
    }
    if (w == NULL || w->pid < 0) {
        log_sometimes(u->uid, why != NULL ? why : "no worker can be started", now_ms);
        if (ends[0] >= 0)
            (void)close(ends[0]);
        free(w);
        figures_end(u->figures);
        u->not_before = now_ms + START_INTERVAL_MS;
        watch_channels(u);
        return;
    }
    w->kind = WATCHED_WORKER;
    w->user = u;
    w->link = ends[0];
    w->since_ms = now_ms;
    figures_add(u->figures, DANCE_WORKERS_STARTED, 1);
    await_begin(w->link);
    LIST_INSERT_HEAD(&workers, w, all);
    worker_count++;
    u->worker = w;
    watch_channels(u);
    give(u);
}

/* Give a worker a process that checks chains for it; it can do without. */
static void start_checker(const struct worker *w, long long now_ms)
{
    struct user *u = w->user;
    int ends[2];
    pid_t pid;

    if (!checkers_may_start(&u->checkers, now_ms)
        || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return;
    pid = fork_with(ends, NULL);
    if (pid == 0)
        _exit(check_of(ends[1]));
    if (pid < 0)
        log_unless(&checkers_quiet_to, u->uid, "no process can be started to check chains", now_ms);
    if (pid > 0) {
        await_begin(ends[0]);
        /* Where it does not reach the worker its other end is closed, and it ends. */
        (void)link_send(w->link, LINK_CHECKER, ends[0]);
        checkers_started(&u->checkers, pid);
    }
    (void)close(ends[0]);
}

bool users_add(uid_t uid, int fd)
{
    struct user *u = find_user(uid);

    if (u == NULL || channels_count() >= room(limit.channels, uid)
        || u->channels.count >= share(limit.channels, uid)) {
        (void)close(fd);
        if (u != NULL)
            remember_unless_used(u);
        return false;
    }
    if (!channels_add(&u->channels, fd)) {
        remember_unless_used(u);
        return false;
    }
    if (u->worker != NULL)
        give(u);
    return true;
}

/* u's worker does not serve it any more: what it had goes to the next one. */
static void take_back(struct user *u)
{
    u->worker = NULL;
    figures_end(u->figures);
    if (u->forgetting)
        dance_generation_bump(&u->page);
    u->forgetting = false;
    channels_take_back(&u->channels);
    watch_channels(u);
}

static void drop_link(struct worker *w)
{
    heed_events(poller, w->link, NULL, 0);
    (void)close(w->link);
    w->link = -1;
}

/* It may take as long as it likes to end, or for ever. */
static void give_up(struct worker *w)
{
    (void)kill(w->pid, SIGKILL);
    drop_link(w);
    w->user->lost++;
    take_back(w->user);
}

static void channel_event(void *channel, uint32_t events, long long now_ms)
{
    struct user *u = channels_event(channel, events);

    if (u->worker == NULL)
        start(u, now_ms);
    else
        give(u);
}

/*
 * The worker ends, and only then what it said is void: whoever asked it in between would take old
 * answers for new ones.
 */
static void forget(struct user *u)
{
    figures_add(u->figures, DANCE_FLUSHES, 1);
    if (u->worker != NULL && link_send(u->worker->link, LINK_END, -1))
        u->forgetting = true;
    else if (u->worker != NULL)
        give_up(u->worker);
    if (u->worker == NULL && u->page.fd >= 0)
        dance_generation_bump(&u->page);
}

void users_forget(void)
{
    struct user *u;

    LIST_FOREACH(u, &users, all)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        forget(u);
    }
}

static void worker_event(struct worker *w, uint32_t events, long long now_ms)
{
    enum link_received received;
    enum link_word word;
    int fd;

    while ((received = link_receive(w->link, &word, &fd)) == LINK_HERE) {
        if (fd >= 0)
            (void)close(fd);
        if (word == LINK_PONG)
            w->asked_ms = 0;
        if (word == LINK_CHECK)
            start_checker(w, now_ms);
        if (word != LINK_FORGET)
            continue;
        /* Root may ask it for everybody. */
        if (w->user->uid == 0)
            users_forget();
        else
            forget(w->user);
        return;
    }
    if (received == LINK_OVER)
        heed_events(poller, w->link, w, 0); /* it is about to end */
    else if ((events & EPOLLOUT) != 0)
        give(w->user);
}

void users_event(void *data, uint32_t events, long long now_ms)
{
    enum watched kind = *(enum watched *)data;

    if (kind == WATCHED_CHANNEL)
        channel_event(data, events, now_ms);
    else
        worker_event(data, events, now_ms);
}

static void checker_ended(pid_t pid, int status, long long now_ms)
{
    struct user *u = LIST_FIRST(&users);

    while (u != NULL && !checkers_ended(&u->checkers, pid))
        u = LIST_NEXT(u, all);
    if (u == NULL)
        return;
    if (WIFSIGNALED(status))
        log_unless(&checkers_quiet_to, u->uid,
                   "a chain took too long to check, or its checker was killed", now_ms);
    remember_unless_used(u);
}

void users_ended(pid_t pid, int status, long long now_ms)
{
    struct worker *w;
    struct user *u;

    LIST_FOREACH(w, &workers, all)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (w->pid == pid)
            break;
    }
    if (w == NULL) {
        checker_ended(pid, status, now_ms);
        return;
    }
    u = w->user;
    if (WIFSIGNALED(status))
        log_sometimes(u->uid, "the worker was killed, the next one goes on", now_ms);
    LIST_REMOVE(w, all);
    worker_count--;
    if (w->link >= 0) {
        drop_link(w);
        take_back(u);
    } else {
        u->lost--;
    }
    free(w);
    remember_unless_used(u);
}

static void ping(struct worker *w, long long now_ms)
{
    if (w->asked_ms != 0 && now_ms - w->asked_ms >= USERS_STUCK_MS) {
        dance_log(DANCE_LOG_ERROR, "resolver: user %lu: the worker is stuck, and is replaced",
                  (unsigned long)w->user->uid);
        give_up(w);
        return;
    }
    if (w->asked_ms == 0)
        w->asked_ms = now_ms;
    /* Again where it may not have gone through. */
    (void)link_send(w->link, LINK_PING, -1);
}

int users_tick(long long now_ms)
{
    bool waiting = false;
    bool due = now_ms - pinged_ms >= USERS_PING_MS;
    struct worker *w;
    struct user *u;

    if (due)
        pinged_ms = now_ms;
    LIST_FOREACH(w, &workers, all)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (due && w->link >= 0)
            ping(w, now_ms);
    }
    LIST_FOREACH(u, &users, all)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (u->not_before != 0 && now_ms >= u->not_before) {
            u->not_before = 0;
            watch_channels(u);
        }
        waiting = waiting || u->not_before != 0;
    }
    if (waiting)
        return START_INTERVAL_MS;
    return worker_count > 0 ? USERS_PING_MS : -1;
}

void users_log_counters(void)
{
    const struct worker *w;

    LIST_FOREACH(w, &workers, all)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (w->link >= 0)
            (void)link_send(w->link, LINK_COUNTERS, -1);
    }
}

void users_close(void)
{
    struct worker *w;
    struct user *u;

    while ((w = LIST_FIRST(&workers)) != NULL) {
        LIST_REMOVE(w, all);
        if (w->link >= 0) {
            (void)link_send(w->link, LINK_END, -1);
            (void)close(w->link);
        }
        free(w);
    }
    channels_leave();
    while ((u = LIST_FIRST(&users)) != NULL) {
        channels_close(&u->channels);
        /* Whoever comes after us gives them another page; this one is not written to any more. */
        if (u->page.fd >= 0)
            dance_generation_bump(&u->page);
        free_user(u);
    }
}

/* Who is told of whom. */
static bool may_know(uid_t reader, const struct user *u)
{
    return reader == 0 || reader == u->uid;
}

unsigned users_known_to(uid_t reader)
{
    const struct user *u;
    unsigned count = 0;

    LIST_FOREACH(u, &users, all)
    {
        count += may_know(reader, u); // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
    }
    return count;
}

/* What there is to say of one. */
static void describe(const struct user *u, long long now_ms, struct dance_wire_status_of_user *out)
{
    const struct worker *w = u->worker;

    figures_read(u->figures, out);
    out->uid = u->uid;
    out->figure[DANCE_CHANNELS] = u->channels.count;
    if (w == NULL)
        return;
    out->seconds = (uint32_t)((now_ms - w->since_ms) / 1000);
    if (w->asked_ms != 0 && now_ms - w->asked_ms >= USERS_PING_MS)
        out->state = DANCE_WORKER_STUCK;
}

void users_tell(uid_t reader, unsigned most, users_told *told, void *arg)
{
    static const uid_t bounds[] = {SYSTEM_UID_MAX, LOGIN_UID_MAX, (uid_t)-1};
    static struct dance_wire_status_of_user one;
    long long now_ms = dance_now_ms();
    const struct user *u;
    uid_t above = 0;

    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); above = bounds[i++] + 1) {
        LIST_FOREACH(u, &users, all)
        {
            // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
            if (u->uid < above || u->uid > bounds[i] || !may_know(reader, u))
                continue;
            if (most-- == 0)
                return;
            describe(u, now_ms, &one);
            told(&one, arg);
        }
    }
}

unsigned users_workers(void)
{
    return worker_count;
}
