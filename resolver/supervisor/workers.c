/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/workers.h"

#include "link.h"
#include "supervisor/user.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static LIST_HEAD(worker_list, worker) workers = LIST_HEAD_INITIALIZER(workers);
static int poller;
static workers_work *work_of;
static workers_check *check_of;
static unsigned count;

void workers_open(int epoll, workers_work *work, workers_check *check)
{
    poller = epoll;
    work_of = work;
    check_of = check;
}

struct worker *workers_first(void)
{
    return LIST_FIRST(&workers);
}

unsigned workers_count(void)
{
    return count;
}

void workers_forget_descriptors(void)
{
    struct worker *w;

    for (struct user *u = user_first(); u != NULL; u = LIST_NEXT(u, all))
        channels_forget(&u->channels);
    LIST_FOREACH(w, &workers, all)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (w->link >= 0)
            (void)close(w->link);
    }
    (void)close(poller);
}

/* In a process of its own: nothing of what is here is the worker's, but what is of its user. */
static void forget_others(const struct user *own)
{
    workers_forget_descriptors();
    for (struct user *u = user_first(); u != NULL; u = LIST_NEXT(u, all)) {
        if (u == own)
            continue;
        dance_generation_free(&u->page);
        figures_free(u->figures);
    }
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

struct worker *workers_start(struct user *user, long long now_ms)
{
    struct worker *w = calloc(1, sizeof(*w));
    int ends[2];

    if (w == NULL || link_make(ends) != 0) {
        free(w);
        return NULL;
    }
    figures_state(user->figures, DANCE_WORKER_BEGINS, NULL);
    w->pid = fork_with(ends, user);
    if (w->pid == 0)
        _exit(work_of(user->uid, ends[1], &user->page, user->figures));
    if (w->pid < 0) {
        (void)close(ends[0]);
        free(w);
        return NULL;
    }
    w->kind = WATCHED_WORKER;
    w->user = user;
    w->link = ends[0];
    w->since_ms = now_ms;
    figures_add(user->figures, DANCE_WORKERS_STARTED, 1);
    (void)link_await_begin(w->link);
    LIST_INSERT_HEAD(&workers, w, all);
    count++;
    return w;
}

pid_t workers_start_checker(const struct worker *worker)
{
    int ends[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    pid = fork_with(ends, NULL);
    if (pid == 0)
        _exit(check_of(worker->user->uid, ends[1]));
    if (pid > 0) {
        (void)link_await_begin(ends[0]);
        /* Where it does not reach the worker its other end is closed, and it ends. */
        (void)link_send(worker->link, LINK_CHECKER, ends[0]);
    }
    (void)close(ends[0]);
    return pid;
}

void workers_give(struct worker *worker)
{
    bool all = channels_give(&worker->user->channels, worker->link);

    heed_events(poller, worker->link, worker, all ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

void workers_unheed(struct worker *worker)
{
    heed_events(poller, worker->link, worker, 0);
}

void workers_drop_link(struct worker *worker)
{
    heed_events(poller, worker->link, NULL, 0);
    (void)close(worker->link);
    worker->link = -1;
}

void workers_free(struct worker *worker)
{
    LIST_REMOVE(worker, all);
    count--;
    free(worker);
}

void workers_close(void)
{
    struct worker *next;

    for (struct worker *w = workers_first(); w != NULL; w = next) {
        next = LIST_NEXT(w, all);
        if (w->link >= 0) {
            (void)link_send(w->link, LINK_END, -1);
            (void)close(w->link);
        }
        workers_free(w);
    }
}
