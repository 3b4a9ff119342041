/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "lookup.h"

#include "channel.h"
#include "process.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* The resolver is told to answer this much before we stop waiting, so that its reason arrives. */
#define MARGIN_MS 100LL
/* How often a resolver that dies is replaced within one lookup. */
#define ATTEMPTS 3

struct dance_lookup *dance_lookup_new(void)
{
    /* Not zeroed: only what a message brings is ever read. */
    return OPENSSL_malloc(sizeof(struct dance_lookup));
}

void dance_lookup_free(struct dance_lookup *lookup)
{
    OPENSSL_free(lookup);
}

enum outcome { ANSWERED, DEAD, LATE };

/* Wait for what poll() reports on fd, until deadline. */
static enum outcome await(int fd, short events, long long deadline)
{
    struct pollfd one = {fd, events, 0};
    long long left;
    int ready;

    for (;;) {
        left = deadline - dance_now_ms();
        if (left <= 0)
            return LATE;
        ready = poll(&one, 1, left > 60000 ? 60000 : (int)left);
        if (ready > 0)
            return ANSWERED;
        if (ready < 0 && errno != EINTR && errno != EAGAIN)
            return DEAD;
    }
}

static enum outcome ask(struct dance_lookup *lookup, int fd, const struct dance_wire_query *query,
                        long long deadline)
{
    uint8_t message[DANCE_WIRE_HEADER + 9 + DANCE_WIRE_NAME_MAX];
    size_t len = dance_wire_encode_query(query, message, sizeof(message));
    enum outcome outcome;
    ssize_t n;

    if (len == 0)
        return DEAD;
    do
        n = send(fd, message, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)len)
        return DEAD;
    for (;;) {
        outcome = await(fd, POLLIN, deadline);
        if (outcome != ANSWERED)
            return outcome;
        n = recv(fd, lookup->message, sizeof(lookup->message), MSG_DONTWAIT);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0 || !dance_wire_decode_answer(lookup->message, (size_t)n, &lookup->answer))
            return DEAD;
        if (lookup->answer.id == query->id)
            return ANSWERED;
    }
}

int dance_lookup_run(struct dance_lookup *lookup, const char *name, size_t len)
{
    static _Atomic uint32_t last_id;
    const struct dance_config *config = dance_config();
    long long deadline = dance_now_ms() + config->timeout_ms;

    (void)snprintf(lookup->why, sizeof(lookup->why), "it ended while it was asked");
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct dance_wire_query query = {.name = name, .name_len = len};
        struct dance_kept_fd fd =
            dance_conversation_take(attempt > 0, lookup->why, sizeof(lookup->why));
        long long left = deadline - dance_now_ms();
        enum outcome outcome;

        if (fd.fd < 0)
            return 0;
        query.id = atomic_fetch_add(&last_id, 1) + 1;
        query.timeout_ms =
            left > 2 * MARGIN_MS ? (uint32_t)(left - MARGIN_MS) : (uint32_t)MARGIN_MS;
        outcome = ask(lookup, fd.fd, &query, deadline);
        if (outcome == ANSWERED) {
            dance_conversation_give(fd);
            (void)snprintf(lookup->why, sizeof(lookup->why), "%.*s", (int)lookup->answer.reason_len,
                           lookup->answer.reason);
            return 1;
        }
        /* What comes later on this conversation would be for nobody. */
        dance_kept_fd_close(&fd);
        if (outcome == LATE) {
            (void)snprintf(lookup->why, sizeof(lookup->why), "it did not answer within %u ms",
                           config->timeout_ms);
            return 0;
        }
    }
    return 0;
}
