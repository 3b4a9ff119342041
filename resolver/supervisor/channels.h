/*
 * channels.h: the control channels of one user, and which of them its worker has.
 *
 * A copy of each channel stays here, so that the next worker gets it; nothing is
 * ever read from it. When the other end has gone it is buried (burial.h).
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CHANNELS_H
#define DANCE_CHANNELS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* What epoll's data points to begins with its kind. */
enum watched { WATCHED_CHANNEL, WATCHED_WORKER };

/* Tell epoll of fd, with data; 0 events: not at all, where otherwise an end would be told for ever.
 */
void heed_events(int poller, int fd, void *data, uint32_t events);

struct channel;
TAILQ_HEAD(channel_list, channel);

/* What is to be heard of channels. */
enum channels_heed {
    CHANNELS_WORD, /* the first word: there is no worker yet */
    CHANNELS_NONE, /* nothing: there can be none now */
    CHANNELS_END   /* their end: there is a worker, which hears the rest */
};

struct channels {
    int poller;
    void *owner;
    struct channel_list given; /* that the worker has */
    struct channel_list ours;  /* that it has not */
    unsigned count;
    enum channels_heed heed;
};

/* None yet, of this owner, who is told by the poller of what they have to say. */
void channels_open(struct channels *channels, int poller, void *owner);

/* Take fd; false without memory. */
bool channels_add(struct channels *channels, int fd);

/* From now on this is to be heard of them. */
void channels_watch(struct channels *channels, enum channels_heed heed);

/* Give the worker at the other end of link what it has not got yet. false: it takes no more now. */
bool channels_give(struct channels *channels, int link);

/* There is no such worker any more: the next one gets all of them. */
void channels_take_back(struct channels *channels);

/* What the poller said of one, by its data; whose it is, and whether it has ended. */
void *channels_event(void *data, uint32_t events, bool *ended);

/* In a process of its own, which is to have none of them. */
void channels_forget(const struct channels *channels);

/* All of them: another process has copies. */
void channels_close(struct channels *channels);

/* Those of all owners. */
unsigned channels_count(void);

#endif
