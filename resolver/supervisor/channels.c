/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/channels.h"

#include "link.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

struct channel {
    enum watched kind;
    TAILQ_ENTRY(channel) of_user;
    struct channels *channels;
    int fd;
    bool given; /* to the worker that runs */
    bool over;  /* the other end has gone */
};

static unsigned count;

void heed_events(int poller, int fd, void *data, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.ptr = data}};

    if (events == 0)
        (void)epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL);
    else if (epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event) != 0)
        (void)epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

void channels_open(struct channels *channels, int poller, void *owner)
{
    *channels = (struct channels){.poller = poller, .owner = owner, .heed = CHANNELS_WORD};
    TAILQ_INIT(&channels->given);
    TAILQ_INIT(&channels->ours);
}

static void watch_one(struct channel *c)
{
    uint32_t events = 0;

    if (c->channels->heed == CHANNELS_WORD)
        events = EPOLLIN | EPOLLRDHUP;
    else if (c->channels->heed == CHANNELS_END && !c->over)
        events = EPOLLRDHUP;
    heed_events(c->channels->poller, c->fd, c, events);
}

bool channels_add(struct channels *channels, int fd)
{
    struct channel *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        (void)close(fd);
        return false;
    }
    c->kind = WATCHED_CHANNEL;
    c->channels = channels;
    c->fd = fd;
    TAILQ_INSERT_TAIL(&channels->ours, c, of_user);
    channels->count++;
    count++;
    watch_one(c);
    return true;
}

static void watch_list(const struct channel_list *list)
{
    struct channel *c;

    TAILQ_FOREACH(c, list, of_user)
    {
        watch_one(c); // cppcheck-suppress uninitvar ; TAILQ_FOREACH sets it
    }
}

void channels_watch(struct channels *channels, enum channels_heed heed)
{
    channels->heed = heed;
    watch_list(&channels->ours);
    watch_list(&channels->given);
}

static void drop(struct channel *c, struct channel_list *list)
{
    TAILQ_REMOVE(list, c, of_user);
    heed_events(c->channels->poller, c->fd, NULL, 0);
    (void)close(c->fd);
    c->channels->count--;
    count--;
    free(c);
}

bool channels_give(struct channels *channels, int link)
{
    struct channel *c;

    while ((c = TAILQ_FIRST(&channels->ours)) != NULL) {
        // drop() takes c out, which the analyzer does not see
        if (!c->given // NOLINT(clang-analyzer-unix.Malloc)
            && !link_send(link, LINK_CHANNEL, c->fd))
            return false;
        c->given = true;
        if (c->over) {
            if (!link_send(link, LINK_BURY, c->fd))
                return false;
            /* It is in the worker's hands, and so not the last copy that is closed here. */
            drop(c, &channels->ours);
        } else {
            TAILQ_REMOVE(&channels->ours, c, of_user);
            TAILQ_INSERT_TAIL(&channels->given, c, of_user);
        }
    }
    return true;
}

void channels_take_back(struct channels *channels)
{
    struct channel *c;

    TAILQ_CONCAT(&channels->ours, &channels->given, of_user);
    TAILQ_FOREACH(c, &channels->ours, of_user)
    {
        c->given = false;
    }
}

void *channels_event(void *data, uint32_t events)
{
    struct channel *c = data;
    struct channels *channels = c->channels;

    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 && !c->over) {
        c->over = true;
        if (c->given) {
            TAILQ_REMOVE(&channels->given, c, of_user);
            TAILQ_INSERT_TAIL(&channels->ours, c, of_user);
        }
        watch_one(c);
    }
    return channels->owner;
}

void channels_forget(const struct channels *channels)
{
    const struct channel *c;

    TAILQ_FOREACH(c, &channels->ours, of_user)
    (void)close(c->fd); // cppcheck-suppress uninitvar ; TAILQ_FOREACH sets it
    TAILQ_FOREACH(c, &channels->given, of_user)
    (void)close(c->fd);
}

void channels_close(struct channels *channels)
{
    TAILQ_CONCAT(&channels->ours, &channels->given, of_user);
    while (!TAILQ_EMPTY(&channels->ours))
        drop(TAILQ_FIRST(&channels->ours), &channels->ours); // NOLINT(clang-analyzer-unix.Malloc)
}

void channels_leave(void)
{
    pid_t before = getpid();

    if (count == 0 || fork() != 0)
        return;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == before)
        (void)poll(NULL, 0, -1);
    _exit(EXIT_SUCCESS);
}

unsigned channels_count(void)
{
    return count;
}
