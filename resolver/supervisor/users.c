/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/users.h"

#include "link.h"
#include "log.h"
#include "supervisor/user.h"
#include "supervisor/workers.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

/* A worker that ends at once is not started in a loop: so many times in so many milliseconds. */
#define STARTS_MAX 3u
#define START_INTERVAL_MS 1000
/* Whose worker cannot even be killed may have so many of them. */
#define LOST_MAX 2u
#define LOG_INTERVAL_MS 10000

static int poller;
static struct users_limits limit;
static long long pinged_ms;
static long long quiet_to;
static long long checkers_quiet_to; /* a client's chains do not keep a line on workers back */

void users_open(int epoll, struct users_limits limits)
{
    poller = epoll;
    limit = limits;
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

/* A channel is looked at for what its worker is needed for, and with a worker for its end. */
static void watch_channels(struct user *u)
{
    if (u->worker != NULL)
        channels_watch(&u->channels, CHANNELS_END);
    else
        channels_watch(&u->channels, u->not_before == 0 ? CHANNELS_WORD : CHANNELS_NONE);
}

/* Why u cannot have a worker now; NULL when it can. */
static const char *refusal(struct user *u, long long now_ms)
{
    if (workers_count() >= user_room(limit.workers, u->uid))
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

static void start(struct user *u, long long now_ms)
{
    const char *why = refusal(u, now_ms);

    if (why == NULL) {
        u->starts++;
        u->worker = workers_start(u, now_ms);
    }
    if (u->worker == NULL) {
        log_sometimes(u->uid, why != NULL ? why : "no worker can be started", now_ms);
        figures_end(u->figures);
        u->not_before = now_ms + START_INTERVAL_MS;
    }
    watch_channels(u);
    if (u->worker != NULL)
        workers_give(u->worker);
}

/* Give a worker a process that checks chains for it; it can do without. */
static void start_checker(const struct worker *w, long long now_ms)
{
    struct user *u = w->user;
    pid_t pid = checkers_in_the_way(&u->checkers);

    /* The worker asks again when it has ended. */
    if (pid > 0)
        (void)kill(pid, SIGKILL);
    if (!checkers_may_start(&u->checkers, now_ms))
        return;
    pid = workers_start_checker(w);
    if (pid < 0)
        log_unless(&checkers_quiet_to, u->uid, "no process can be started to check chains", now_ms);
    else
        checkers_started(&u->checkers, pid);
}

bool users_add(uid_t uid, int fd)
{
    struct user *u = user_find(uid, poller);

    if (u == NULL || channels_count() >= user_room(limit.channels, uid)
        || u->channels.count >= user_share(limit.channels, uid)
        || !channels_add(&u->channels, fd)) {
        if (u != NULL)
            user_remember_unless_used(u);
        return false;
    }
    if (u->worker != NULL)
        workers_give(u->worker);
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

/* It may take as long as it likes to end, or for ever. */
static void give_up(struct worker *w)
{
    (void)kill(w->pid, SIGKILL);
    workers_drop_link(w);
    w->user->lost++;
    take_back(w->user);
}

static void channel_event(void *channel, uint32_t events, long long now_ms)
{
    bool ended;
    struct user *u = channels_event(channel, events, &ended);

    if (ended)
        user_remember_unless_used(u);
    else if (u->worker == NULL)
        start(u, now_ms);
    else
        workers_give(u->worker);
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
    for (struct user *u = user_first(); u != NULL; u = LIST_NEXT(u, all))
        forget(u);
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
        workers_unheed(w);
    else if ((events & EPOLLOUT) != 0)
        workers_give(w);
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
    struct user *u = user_first();

    while (u != NULL && !checkers_ended(&u->checkers, pid))
        u = LIST_NEXT(u, all);
    if (u == NULL)
        return;
    if (WIFSIGNALED(status))
        log_unless(&checkers_quiet_to, u->uid,
                   "a chain took too long to check, or its checker was killed", now_ms);
    user_remember_unless_used(u);
}

void users_ended(pid_t pid, int status, long long now_ms)
{
    struct worker *w = workers_first();
    struct user *u;

    while (w != NULL && w->pid != pid)
        w = LIST_NEXT(w, all);
    if (w == NULL) {
        checker_ended(pid, status, now_ms);
        return;
    }
    u = w->user;
    if (WIFSIGNALED(status))
        log_sometimes(u->uid, "the worker was killed, the next one goes on", now_ms);
    if (w->link >= 0) {
        workers_drop_link(w);
        take_back(u);
    } else {
        u->lost--;
    }
    workers_free(w);
    user_remember_unless_used(u);
}

static void ping(struct worker *w, long long now_ms)
{
    /* It may have answered, and there was too much else for us to hear it. */
    worker_event(w, 0, now_ms);
    if (w->link < 0)
        return;
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

    if (due)
        pinged_ms = now_ms;
    for (struct worker *w = workers_first(); w != NULL; w = LIST_NEXT(w, all)) {
        if (due && w->link >= 0)
            ping(w, now_ms);
    }
    for (struct user *u = user_first(); u != NULL; u = LIST_NEXT(u, all)) {
        if (u->not_before != 0 && now_ms >= u->not_before) {
            u->not_before = 0;
            watch_channels(u);
        }
        waiting = waiting || u->not_before != 0;
    }
    if (waiting)
        return START_INTERVAL_MS;
    return workers_count() > 0 ? USERS_PING_MS : -1;
}

void users_log_counters(void)
{
    for (const struct worker *w = workers_first(); w != NULL; w = LIST_NEXT(w, all)) {
        if (w->link >= 0)
            (void)link_send(w->link, LINK_COUNTERS, -1);
    }
}

void users_close(void)
{
    struct user *u;

    workers_close();
    while ((u = user_first()) != NULL) {
        channels_close(&u->channels);
        /* Whoever comes after us gives them another page; this one is not written to any more. */
        if (u->page.fd >= 0)
            dance_generation_bump(&u->page);
        user_free(u);
    }
}
