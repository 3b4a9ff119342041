/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/channels.h"

#include "link.h"
#include "supervisor/burial.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct channel {
    enum watched kind;
    TAILQ_ENTRY(channel) of_user;
    struct channels *channels;
    int fd;
    bool given; /* to the worker that runs */
    bool over;  /* the other end has gone, and has said something before */
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

    if (c == NULL)
        return false;
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

/* It is not here any more; its descriptor stays. */
static int take_out(struct channel *c)
{
    int fd = c->fd;

    TAILQ_REMOVE(c->given ? &c->channels->given : &c->channels->ours, c, of_user);
    heed_events(c->channels->poller, fd, NULL, 0);
    c->channels->count--;
    count--;
    free(c);
    return fd;
}

bool channels_give(struct channels *channels, int link)
{
    struct channel *c;

    while ((c = TAILQ_FIRST(&channels->ours)) != NULL) {
        // take_out() takes c out, which the analyzer does not see
        if (!link_send(link, LINK_CHANNEL, c->fd)) // NOLINT(clang-analyzer-unix.Malloc)
            return false;
        if (c->over) {
            burial_add(take_out(c));
            continue;
        }
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

/* What was said before the end is for the worker. */
static bool is_unread(int fd)
{
    int octets = 0;

    return ioctl(fd, FIONREAD, &octets) == 0 && octets > 0;
}

void *channels_event(void *data, uint32_t events, bool *ended)
{
    struct channel *c = data;
    struct channels *channels = c->channels;
    bool over = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;

    *ended = over && (c->given || !is_unread(c->fd));
    if (*ended) {
        burial_add(take_out(c));
    } else if (over) {
        c->over = true;
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
    struct channel *c;

    channels_take_back(channels);
    while ((c = TAILQ_FIRST(&channels->ours)) != NULL)
        (void)close(take_out(c)); // NOLINT(clang-analyzer-unix.Malloc)
}

unsigned channels_count(void)
{
    return count;
}
