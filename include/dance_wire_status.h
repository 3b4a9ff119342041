/*
 * dance_wire_status.h: what is counted, and how it is told.
 *
 *   control channel    module -> resolver: DANCE_WIRE_COUNTS, how many clients
 *                      became what, and why, since this process said so last.
 *                      No answer; what does not go through is said later.
 *   status connection  resolver -> whoever connects to its socket by a socket
 *                      that has a name (bind() with no address makes one): one
 *                      DANCE_WIRE_STATUS, and as many DANCE_WIRE_STATUS_OF_USER
 *                      as it says. Nothing needs to be asked, so that the
 *                      supervisor, who answers, reads nothing.
 *
 * A reason is a number of provider/reasons.h, less 99; 0: there is none. Nobody
 * at the other end need know it. Figures are added at the end of their list only:
 * who is told fewer than he knows, or more, takes those that both know.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_WIRE_STATUS_H
#define DANCE_WIRE_STATUS_H

#include "dance_wire.h"

/* What became of a client, or of a log line. */
enum dance_outcome {
    DANCE_CLIENT_ACCEPTED, /* without a reason */
    DANCE_CLIENT_REFUSED,
    DANCE_CLIENT_FORGIVEN, /* not authenticated; the application goes on with it */
    DANCE_LINE_LOST,       /* without a reason */
    DANCE_OUTCOMES
};
#define DANCE_COUNTED_REASONS 64u /* 0 to 63 */

/* Of DANCE_WIRE_COUNTS: what is left comes with the next message. */
#define DANCE_WIRE_COUNTS_MAX 32u
#define DANCE_WIRE_COUNTS_SIZE (DANCE_WIRE_HEADER + 1u + DANCE_WIRE_COUNTS_MAX * 6u)

struct dance_wire_count {
    uint8_t outcome;
    uint8_t reason;
    uint32_t times; /* not 0 */
};

struct dance_wire_counts {
    size_t count; /* not 0 */
    struct dance_wire_count of[DANCE_WIRE_COUNTS_MAX];
};

/* Such a count there may be. */
static inline int dance_count_is_one(unsigned outcome, unsigned reason)
{
    if (outcome == DANCE_CLIENT_ACCEPTED || outcome == DANCE_LINE_LOST)
        return reason == 0;
    return outcome < DANCE_OUTCOMES && reason < DANCE_COUNTED_REASONS;
}

/* Write them; the octets written, or 0. */
static inline size_t dance_wire_encode_counts(const struct dance_wire_counts *counts, uint8_t *buf,
                                              size_t size)
{
    struct dance_wire_cursor c = {buf, size, 1};

    if (counts->count < 1 || counts->count > DANCE_WIRE_COUNTS_MAX)
        return 0;
    dance_wire_put_header(&c, DANCE_WIRE_COUNTS);
    dance_wire_put(&c, (uint32_t)counts->count, 1);
    for (size_t i = 0; i < counts->count; i++) {
        dance_wire_put(&c, counts->of[i].outcome, 1);
        dance_wire_put(&c, counts->of[i].reason, 1);
        dance_wire_put(&c, counts->of[i].times, 4);
    }
    return c.ok ? size - c.left : 0;
}

/* Read them; 1, or 0 when msg is not exactly one such well-formed message. */
static inline int dance_wire_decode_counts(const uint8_t *msg, size_t len,
                                           struct dance_wire_counts *counts)
{
    struct dance_wire_cursor c = {(uint8_t *)(uintptr_t)msg, len, 1};

    if (dance_wire_type(msg, len) != DANCE_WIRE_COUNTS)
        return 0;
    (void)dance_wire_take(&c, DANCE_WIRE_HEADER);
    counts->count = dance_wire_get(&c, 1);
    if (counts->count < 1 || counts->count > DANCE_WIRE_COUNTS_MAX)
        return 0;
    for (size_t i = 0; i < counts->count; i++) {
        counts->of[i].outcome = (uint8_t)dance_wire_get(&c, 1);
        counts->of[i].reason = (uint8_t)dance_wire_get(&c, 1);
        counts->of[i].times = dance_wire_get(&c, 4);
        if (counts->of[i].times == 0
            || !dance_count_is_one(counts->of[i].outcome, counts->of[i].reason))
            return 0;
    }
    return c.ok && c.left == 0;
}

/* Of one user. The first ones, to DANCE_FIGURE_LEVELS, only grow; the others go up and down. */
enum dance_figure {
    DANCE_ANSWERED_SECURE, /* queries answered, in the order of enum dance_wire_status */
    DANCE_ANSWERED_ABSENT,
    DANCE_ANSWERED_INSECURE,
    DANCE_ANSWERED_BOGUS,
    DANCE_ANSWERED_FAILED,
    DANCE_ANSWERED_BUSY,
    DANCE_ANSWERED_AT_ONCE,   /* of them, those from what was kept, */
    DANCE_ANSWERED_TOGETHER,  /* those that found their lookup in flight, */
    DANCE_ANSWERED_LATE,      /* those whose time was up, */
    DANCE_REFUSED_OF_ALL,     /* and those refused: too many in all, */
    DANCE_REFUSED_OF_PROCESS, /* of a process, */
    DANCE_REFUSED_OF_DOMAIN,  /* in a domain */
    DANCE_DNS_LOOKUPS,        /* lookups in the DNS that came to an end */
    DANCE_DNS_AHEAD,          /* lookups begun because a name was due */
    DANCE_DNS_GIVEN_UP,
    DANCE_WORKERS_STARTED,
    DANCE_FLUSHES,
    DANCE_FIGURE_LEVELS,
    DANCE_LOOKUPS_IN_FLIGHT = DANCE_FIGURE_LEVELS,
    DANCE_NAMES_KEPT,
    DANCE_NAMES_HELD,
    DANCE_CONVERSATIONS,
    DANCE_PROCESSES,
    DANCE_CHANNELS,
    DANCE_FIGURES
};
#define DANCE_FIGURES_MAX 64u

/* How a user's worker is. */
enum dance_worker_state {
    DANCE_WORKER_NONE, /* there is none: nobody needs one */
    DANCE_WORKER_BEGINS,
    DANCE_WORKER_READY,
    DANCE_WORKER_BROKEN, /* every lookup fails: DNS could not be set up */
    DANCE_WORKER_STUCK,  /* it does not do what it is told */
    DANCE_WORKER_STATES
};

#define DANCE_VERSION_MAX 32u
/* As many as fit into a socket's queue in any case: it takes 90 such messages by default. */
#define DANCE_WIRE_STATUS_USERS_MAX 64u

struct dance_wire_status_head {
    char version[DANCE_VERSION_MAX + 1];
    uint32_t seconds; /* for which it has been running */
    uint32_t workers;
    uint32_t channels;
    uint32_t users;  /* that the reader may know of */
    uint32_t follow; /* of whom so many are told, DANCE_WIRE_STATUS_USERS_MAX at the most */
};
#define DANCE_WIRE_STATUS_SIZE (DANCE_WIRE_HEADER + 1u + DANCE_VERSION_MAX + 20u)

struct dance_wire_status_of_user {
    uint32_t uid;
    uint8_t state;    /* enum dance_worker_state */
    uint32_t seconds; /* for which the worker has been running */
    uint64_t figure[DANCE_FIGURES];
    uint64_t clients[DANCE_OUTCOMES][DANCE_COUNTED_REASONS];
    char fault[DANCE_WIRE_REASON_MAX + 1]; /* why it is broken */
};
#define DANCE_WIRE_STATUS_OF_USER_MAX                                                              \
    (DANCE_WIRE_HEADER + 11u + DANCE_FIGURES_MAX * 8u                                              \
     + DANCE_OUTCOMES * DANCE_COUNTED_REASONS * 10u + DANCE_WIRE_REASON_MAX)

/* A text of at most max octets, as one octet with its length, and they. */
static inline void dance_wire_put_text(struct dance_wire_cursor *c, const char *text, size_t max)
{
    size_t len = strnlen(text, max);

    dance_wire_put(c, (uint32_t)len, 1);
    dance_wire_put_octets(c, text, len);
}

/* Read it, what does not print as '?'. */
static inline void dance_wire_get_text(struct dance_wire_cursor *c, char *text, size_t max)
{
    size_t len = dance_wire_get(c, 1);
    const uint8_t *from = dance_wire_take(c, len);

    if (!c->ok || len > max) {
        c->ok = 0;
        return;
    }
    for (size_t i = 0; i < len; i++)
        text[i] = (char)(from[i] < 0x20 || from[i] > 0x7e ? '?' : from[i]);
    text[len] = '\0';
}

static inline size_t dance_wire_encode_status(const struct dance_wire_status_head *h, uint8_t *buf,
                                              size_t size)
{
    struct dance_wire_cursor c = {buf, size, 1};

    dance_wire_put_header(&c, DANCE_WIRE_STATUS);
    dance_wire_put_text(&c, h->version, DANCE_VERSION_MAX);
    dance_wire_put(&c, h->seconds, 4);
    dance_wire_put(&c, h->workers, 4);
    dance_wire_put(&c, h->channels, 4);
    dance_wire_put(&c, h->users, 4);
    dance_wire_put(&c, h->follow, 4);
    return c.ok ? size - c.left : 0;
}

/* Read it; 1, or 0 when msg is not exactly one such message. */
static inline int dance_wire_decode_status(const uint8_t *msg, size_t len,
                                           struct dance_wire_status_head *h)
{
    struct dance_wire_cursor c = {(uint8_t *)(uintptr_t)msg, len, 1};

    if (dance_wire_type(msg, len) != DANCE_WIRE_STATUS)
        return 0;
    (void)dance_wire_take(&c, DANCE_WIRE_HEADER);
    dance_wire_get_text(&c, h->version, DANCE_VERSION_MAX);
    h->seconds = dance_wire_get(&c, 4);
    h->workers = dance_wire_get(&c, 4);
    h->channels = dance_wire_get(&c, 4);
    h->users = dance_wire_get(&c, 4);
    h->follow = dance_wire_get(&c, 4);
    return c.ok && c.left == 0 && h->follow <= h->users && h->follow <= DANCE_WIRE_STATUS_USERS_MAX;
}

/* Write it, of the counts of clients those that are not 0; the octets written, or 0. */
static inline size_t dance_wire_encode_status_of_user(const struct dance_wire_status_of_user *u,
                                                      uint8_t *buf, size_t size)
{
    struct dance_wire_cursor c = {buf, size, 1};
    uint8_t *counts;

    dance_wire_put_header(&c, DANCE_WIRE_STATUS_OF_USER);
    dance_wire_put(&c, u->uid, 4);
    dance_wire_put(&c, u->state, 1);
    dance_wire_put(&c, u->seconds, 4);
    dance_wire_put_text(&c, u->fault, DANCE_WIRE_REASON_MAX);
    dance_wire_put(&c, DANCE_FIGURES, 1);
    for (size_t i = 0; i < DANCE_FIGURES; i++)
        dance_wire_put64(&c, u->figure[i]);
    counts = dance_wire_take(&c, 1);
    if (counts == NULL)
        return 0;
    *counts = 0;
    for (unsigned o = 0; o < DANCE_OUTCOMES; o++) {
        for (unsigned r = 0; r < DANCE_COUNTED_REASONS; r++) {
            if (u->clients[o][r] == 0 || !dance_count_is_one(o, r))
                continue;
            (*counts)++;
            dance_wire_put(&c, o, 1);
            dance_wire_put(&c, r, 1);
            dance_wire_put64(&c, u->clients[o][r]);
        }
    }
    return c.ok ? size - c.left : 0;
}

/* Read it; 1, or 0 when msg is not exactly one such well-formed message. */
static inline int dance_wire_decode_status_of_user(const uint8_t *msg, size_t len,
                                                   struct dance_wire_status_of_user *u)
{
    struct dance_wire_cursor c = {(uint8_t *)(uintptr_t)msg, len, 1};
    size_t count;

    if (dance_wire_type(msg, len) != DANCE_WIRE_STATUS_OF_USER)
        return 0;
    memset(u, 0, sizeof(*u));
    (void)dance_wire_take(&c, DANCE_WIRE_HEADER);
    u->uid = dance_wire_get(&c, 4);
    u->state = (uint8_t)dance_wire_get(&c, 1);
    u->seconds = dance_wire_get(&c, 4);
    dance_wire_get_text(&c, u->fault, DANCE_WIRE_REASON_MAX);
    count = dance_wire_get(&c, 1);
    if (u->state >= DANCE_WORKER_STATES || count > DANCE_FIGURES_MAX)
        return 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t value = dance_wire_get64(&c);

        if (i < DANCE_FIGURES)
            u->figure[i] = value;
    }
    count = dance_wire_get(&c, 1);
    for (size_t i = 0; c.ok && i < count; i++) {
        unsigned outcome = dance_wire_get(&c, 1);
        unsigned reason = dance_wire_get(&c, 1);
        uint64_t times = dance_wire_get64(&c);

        if (!dance_count_is_one(outcome, reason))
            return 0;
        u->clients[outcome][reason] = times;
    }
    return c.ok && c.left == 0;
}

#endif
