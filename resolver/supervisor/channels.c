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
};

static unsigned count;
static unsigned ended_count;

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
    TAILQ_INIT(&channels->ended);
}

static void watch_one(struct channel *c)
{
    uint32_t events = 0;

    if (c->channels->heed == CHANNELS_WORD)
        events = EPOLLIN | EPOLLRDHUP;
    else if (c->channels->heed == CHANNELS_END)
        events = EPOLLRDHUP;
    heed_events(c->channels->poller, c->fd, c, events);
}

static void add_to_ended(struct channel *c)
{
    TAILQ_INSERT_TAIL(&c->channels->ended, c, of_user);
    c->channels->ended_count++;
    ended_count++;
}

bool channels_add(struct channels *channels, int fd, bool served)
{
    struct channel *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        (void)close(fd);
        return false;
    }
    c->kind = WATCHED_CHANNEL;
    c->channels = channels;
    c->fd = fd;
    if (!served) {
        add_to_ended(c);
        return true;
    }
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

bool channels_give(struct channels *channels, int link)
{
    struct channel *c;

    while ((c = TAILQ_FIRST(&channels->ours)) != NULL) {
        if (!link_send(link, LINK_CHANNEL, c->fd))
            return false;
        TAILQ_REMOVE(&channels->ours, c, of_user);
        TAILQ_INSERT_TAIL(&channels->given, c, of_user);
        c->given = true;
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

    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0)
        return channels->owner;
    heed_events(channels->poller, c->fd, NULL, 0);
    TAILQ_REMOVE(c->given ? &channels->given : &channels->ours, c, of_user);
    channels->count--;
    count--;
    add_to_ended(c);
    return NULL;
}

static void close_list(const struct channel_list *list)
{
    const struct channel *c;

    TAILQ_FOREACH(c, list, of_user)
    {
        (void)close(c->fd); // cppcheck-suppress uninitvar ; TAILQ_FOREACH sets it
    }
}

void channels_forget(const struct channels *channels, bool buries)
{
    close_list(&channels->ours);
    close_list(&channels->given);
    if (!buries)
        close_list(&channels->ended);
}

static void drop(struct channel_list *list, unsigned *of_owner, unsigned *of_all)
{
    struct channel *c;

    while ((c = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, c, of_user);
        heed_events(c->channels->poller, c->fd, NULL, 0);
        (void)close(c->fd);
        free(c);
        (*of_owner)--;
        (*of_all)--;
    }
}

void channels_bury(struct channels *channels)
{
    drop(&channels->ended, &channels->ended_count, &ended_count);
}

void channels_close(struct channels *channels)
{
    channels_bury(channels);
    drop(&channels->ours, &channels->count, &count);
    drop(&channels->given, &channels->count, &count);
}

void channels_leave(void)
{
    pid_t before = getpid();

    if (count + ended_count == 0 || fork() != 0)
        return;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == before)
        (void)poll(NULL, 0, -1);
    _exit(EXIT_SUCCESS);
}

unsigned channels_count(void)
{
    return count;
}

unsigned channels_ended(void)
{
    return ended_count;
}
