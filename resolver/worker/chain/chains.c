/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/chain/chains.h"

#include "log.h"
#include "worker/chain/checker.h"
#include "worker/chain/line.h"
#include "worker/dns/classify.h"
#include "worker/lookups/lookups.h"
#include "worker/peers/accounts.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHECKERS 2
/* How long to wait for a checker that was asked for before another one is. */
#define WANT_MS 1000
/* A checker with nothing to do is sent away; one that takes so long for a chain, too. */
#define IDLE_MS 60000
#define STUCK_MS 30000

struct checker {
    int fd; /* -1: there is none */
    struct chain_job *job;
    long long since_ms; /* that it has it, or has none */
};

static struct checker checkers[CHECKERS];
static struct deadlines deadlines;
static struct chains_counters counters;
static chains_want *want_one;
static long long wanted_ms; /* when a checker was asked for that has not come; 0: none was */
static uint32_t last_number;
static int poller = -1;

void chains_open(int epoll, chains_want *want)
{
    poller = epoll;
    want_one = want;
    counters = (struct chains_counters){0};
    for (size_t i = 0; i < CHECKERS; i++)
        checkers[i] = (struct checker){.fd = -1};
}

/* Nobody waits for j any more. */
static void detach(struct chain_job *j)
{
    if (j->asker == NULL)
        return;
    if (j->asker->account != NULL)
        j->asker->account->chains--;
    LIST_REMOVE(j, same_asker);
    deadlines_remove(&deadlines, &j->deadline);
    j->asker = NULL;
}

/* Unless a checker has it. */
static void drop(struct chain_job *j)
{
    detach(j);
    for (size_t i = 0; i < CHECKERS; i++) {
        if (checkers[i].job == j)
            return;
    }
    line_leave(j);
    free(j);
}

/* The chain has not answered: the DNS does, unless it is not to be asked. */
static void fall(struct lookups_asker *asker, const struct dance_wire_query *query, bool only,
                 struct dance_wire_answer *answer, long long now_ms)
{
    answer->id = query->id;
    if (only) {
        waiters_deliver(asker, answer);
        return;
    }
    dance_log(DANCE_LOG_DEBUG, "resolver: %.*s: %.*s; the DNS is asked", (int)query->name_len,
              query->name, (int)answer->reason_len, answer->reason);
    lookups_ask(asker, query, now_ms);
}

static void refuse(struct lookups_asker *asker, const struct dance_wire_query *query, bool only,
                   enum dance_wire_status status, const char *why, long long now_ms)
{
    struct dance_wire_answer answer;
    struct classify_reason reason;

    classify_failure(&answer, &reason, status, why);
    answer.ttl = 0; /* it says nothing of the chain */
    fall(asker, query, only, &answer, now_ms);
}

/* What j's asker asked, with the time that is left. false: the message is not one of ours. */
static bool query_of(const struct chain_job *j, struct dance_wire_query *query, long long now_ms)
{
    long long left = j->begun_ms + j->timeout_ms - now_ms;
    struct dance_wire_chain chain;

    if (!dance_wire_decode_chain(j->message, j->len, &chain))
        return false;
    *query = chain.query;
    query->id = j->id;
    query->timeout_ms = left > 1 ? (uint32_t)left : 1;
    return true;
}

/* This is what became of j. */
static void conclude(struct chain_job *j, struct dance_wire_answer *answer, long long now_ms)
{
    struct lookups_asker *asker = j->asker;
    struct dance_wire_query query;

    if (asker != NULL && query_of(j, &query, now_ms)) {
        detach(j);
        fall(asker, &query, j->only || answer->status == DANCE_WIRE_SECURE, answer, now_ms);
    }
    drop(j);
}

/* j's chain was not checked. */
static void fail(struct chain_job *j, const char *why, long long now_ms)
{
    struct dance_wire_answer answer;
    struct classify_reason reason;

    classify_failure(&answer, &reason, DANCE_WIRE_FAILED, why);
    answer.ttl = 0;
    conclude(j, &answer, now_ms);
}

static void send_away(struct checker *c, const char *why, long long now_ms)
{
    struct chain_job *j = c->job;

    (void)epoll_ctl(poller, EPOLL_CTL_DEL, c->fd, NULL);
    (void)close(c->fd);
    *c = (struct checker){.fd = -1};
    if (j != NULL)
        fail(j, why, now_ms);
}

/* A checker without a chain that is there, or is not; NULL when there is none. */
static struct checker *free_checker(bool there)
{
    for (size_t i = 0; i < CHECKERS; i++) {
        if (checkers[i].job == NULL && (checkers[i].fd >= 0) == there)
            return &checkers[i];
    }
    return NULL;
}

/* Give the checkers what waits; where there are too few, ask for one. */
static void dispatch(long long now_ms)
{
    struct chain_job *j;
    struct checker *c;

    while ((j = line_next()) != NULL && (c = free_checker(true)) != NULL) {
        if (send(c->fd, j->message, j->len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)j->len) {
            send_away(c, NULL, now_ms);
            continue;
        }
        line_take(j);
        c->job = j;
        c->since_ms = now_ms;
    }
    if (j == NULL || free_checker(false) == NULL
        || (wanted_ms != 0 && now_ms - wanted_ms < WANT_MS))
        return;
    wanted_ms = now_ms;
    want_one();
}

/* NULL when out of memory. */
static struct chain_job *make(struct lookups_asker *asker, const struct dance_wire_chain *chain,
                              long long now_ms)
{
    struct chain_job *j = calloc(1, sizeof(*j) + DANCE_WIRE_CHAIN_SIZE_MAX);
    struct dance_wire_chain numbered = *chain;
    /* Half of it is left to the DNS. */
    long long patience = chain->only ? chain->query.timeout_ms : chain->query.timeout_ms / 2;

    if (j == NULL || !deadlines_add(&deadlines, &j->deadline, now_ms + patience)) {
        free(j);
        return NULL;
    }
    numbered.query.id = j->number = ++last_number;
    j->len = dance_wire_encode_chain(&numbered, j->message, DANCE_WIRE_CHAIN_SIZE_MAX);
    j->asker = asker;
    j->id = chain->query.id;
    j->timeout_ms = chain->query.timeout_ms;
    j->begun_ms = now_ms;
    j->only = chain->only;
    LIST_INSERT_HEAD(&asker->chains, j, same_asker);
    if (asker->account != NULL)
        asker->account->chains++;
    return j;
}

void chains_ask(struct lookups_asker *asker, const struct dance_wire_chain *chain, long long now_ms)
{
    const struct dance_wire_query *query = &chain->query;
    struct chain_job *j;

    counters.asked++;
    if (lookups_answer_known(asker, query, chain->only, now_ms))
        return;
    if (line_is_full(asker)) {
        counters.busy++;
        refuse(asker, query, chain->only, DANCE_WIRE_BUSY, "chain: too many are waiting", now_ms);
        return;
    }
    j = make(asker, chain, now_ms);
    if (j == NULL) {
        refuse(asker, query, chain->only, DANCE_WIRE_FAILED, "chain: out of memory", now_ms);
        return;
    }
    line_put(j);
    dispatch(now_ms);
}

/* The analyzer does not follow LIST_REMOVE() through le_prev. */
void chains_forget(struct lookups_asker *asker)
{
    while (!LIST_EMPTY(&asker->chains))
        drop(LIST_FIRST(&asker->chains)); // NOLINT(clang-analyzer-unix.Malloc)
}

void chains_add_checker(int fd, long long now_ms)
{
    struct checker *c = free_checker(false);
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = c}};

    wanted_ms = 0;
    if (c == NULL || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) {
        (void)close(fd);
        return;
    }
    c->fd = fd;
    c->since_ms = now_ms;
    dispatch(now_ms);
}

static void receive(struct checker *c, long long now_ms)
{
    static uint8_t message[DANCE_WIRE_MAX];
    struct dance_wire_answer answer;
    struct chain_job *j = c->job;
    ssize_t n = recv(c->fd, message, sizeof(message), MSG_DONTWAIT);

    if ((n < 0 && (errno == EAGAIN || errno == EINTR)) || (n == 1 && message[0] == CHECKER_BEGUN))
        return;
    if (n <= 0) {
        send_away(c, "chain: its check came to no end", now_ms);
        return;
    }
    if (j == NULL || !dance_wire_decode_answer(message, (size_t)n, &answer)
        || answer.id != j->number) {
        send_away(c, "chain: its check answered nonsense", now_ms);
        return;
    }
    c->job = NULL;
    c->since_ms = now_ms;
    counters.checked++;
    counters.secure += answer.status == DANCE_WIRE_SECURE;
    conclude(j, &answer, now_ms);
}

bool chains_event(void *data, long long now_ms)
{
    for (size_t i = 0; i < CHECKERS; i++) {
        if (data != &checkers[i])
            continue;
        if (checkers[i].fd >= 0)
            receive(&checkers[i], now_ms);
        dispatch(now_ms);
        return true;
    }
    return false;
}

void chains_expire(long long now_ms)
{
    struct chain_job *j;
    char text[64];

    while ((j = (struct chain_job *)(void *)deadlines_first(&deadlines)) != NULL
           && j->deadline.at_ms <= now_ms) {
        counters.late++;
        (void)snprintf(text, sizeof(text), "chain: not checked within %lld ms",
                       now_ms - j->begun_ms);
        fail(j, text, now_ms);
    }
    for (size_t i = 0; i < CHECKERS; i++) {
        struct checker *c = &checkers[i];
        long long most = c->job != NULL ? STUCK_MS : IDLE_MS;

        if (c->fd >= 0 && now_ms - c->since_ms >= most)
            send_away(c, "chain: its check came to no end", now_ms);
    }
    dispatch(now_ms);
}

int chains_wait_ms(long long now_ms)
{
    const struct deadline *d = deadlines_first(&deadlines);
    long long first = d != NULL ? d->at_ms : LLONG_MAX;

    for (size_t i = 0; i < CHECKERS; i++) {
        const struct checker *c = &checkers[i];
        long long at = c->since_ms + (c->job != NULL ? STUCK_MS : IDLE_MS);

        if (c->fd >= 0 && at < first)
            first = at;
    }
    if (line_next() != NULL && wanted_ms != 0 && wanted_ms + WANT_MS < first)
        first = wanted_ms + WANT_MS;
    if (first == LLONG_MAX)
        return -1;
    return first > now_ms ? (int)(first - now_ms) : 0;
}

const struct chains_counters *chains_counters(void)
{
    return &counters;
}

void chains_close(void)
{
    struct chain_job *j;

    for (size_t i = 0; i < CHECKERS; i++) {
        struct checker *c = &checkers[i];

        if (c->fd >= 0)
            (void)close(c->fd);
        j = c->job;
        c->job = NULL;
        c->fd = -1;
        if (j != NULL)
            drop(j);
    }
    while ((j = line_next()) != NULL)
        drop(j); // NOLINT(clang-analyzer-unix.Malloc)
    deadlines_free(&deadlines);
}
