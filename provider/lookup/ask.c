/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "lookup/ask.h"

#include "dance_wire_chain.h"
#include "fd_message.h"
#include "lookup/channel.h"
#include "lookup/known.h"
#include "lookup/page.h"
#include "lookup/prefetch.h"
#include "lookup/waiting.h"
#include "process.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The resolver is told to answer this much before we stop waiting, so that its reason arrives. */
#define MARGIN_MS 100LL
/* What there is least for: an answer that is known, and a chain, whose check waits for nobody. */
#define KNOWN_MS 1
#define CHAIN_MS (MARGIN_MS / 2)
/* Where others wait too, they are to have a rest that is so many times as long as the wait. */
#define REST 3
/*
 * How often a lookup is begun again where the conversation ends. A worker of the
 * resolver's that dies, or makes way for another one, ends all of them.
 */
#define ATTEMPTS 8

struct dance_lookup *dance_lookup_new(void)
{
    struct dance_lookup *lookup = OPENSSL_malloc(sizeof(*lookup));

    /* The rest is not zeroed: only what a message brings is ever read. */
    if (lookup != NULL) {
        lookup->message = NULL;
        lookup->cached = NULL;
    }
    return lookup;
}

void dance_lookup_free(struct dance_lookup *lookup)
{
    if (lookup == NULL)
        return;
    OPENSSL_free(lookup->message);
    dance_cached_free(lookup->cached);
    OPENSSL_free(lookup);
}

/* How this process gets on with the resolver, and with who waits. A child begins anew. */
struct patience {
    _Atomic long long
        silent_until_ms;         /* the resolver did not answer: not to be asked before this */
    _Atomic bool others_wait;    /* somebody waits, and others have to with him */
    _Atomic long long rested_ms; /* when they will have had their rest from that */
};

static void discard_patience(void *object)
{
    OPENSSL_free(object);
}

static void *make_patience(const void *parents)
{
    (void)parents;
    return OPENSSL_zalloc(sizeof(struct patience));
}

static const struct dance_slot slot = {make_patience, discard_patience};

/* What is asked for. */
struct question {
    const char *name;
    size_t len;
    const uint8_t *chain; /* NULL: the client brought none */
    size_t chain_len;
};

enum outcome { ANSWERED, DEAD, LATE };

/* A message of len octets, and a descriptor that came with it (or -1): true when it was the page.
 */
static bool take_page(struct dance_lookup *lookup, struct dance_known *known, size_t len, int fd)
{
    uint64_t generation;
    bool is_page = dance_wire_decode_page(lookup->message, len, &generation);

    if (is_page && known != NULL)
        lookup->generation = dance_page_take(dance_known_page(known), fd) ? generation : 0;
    else if (fd >= 0)
        (void)close(fd);
    return is_page;
}

/*
 * Take the message that is there into memory of its size and a stamp; its
 * length, 0 at the end, -1: not now. In a function of its own, because of errno:
 * after a pause the thread may be another one, and compilers may keep where
 * errno is.
 */
static __attribute__((noinline)) ssize_t receive(struct dance_lookup *lookup,
                                                 struct dance_known *known, int fd)
{
    ssize_t n = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    int with = -1;

    if (n > 0 && (size_t)n <= DANCE_WIRE_MAX) {
        OPENSSL_free(lookup->message);
        lookup->message = OPENSSL_malloc((size_t)n + DANCE_KNOWN_STAMP);
        if (lookup->message == NULL)
            return 0;
        n = dance_receive_fd(fd, lookup->message, (size_t)n, &with);
    }
    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? -1 : 0;
    if (n == 0 || (size_t)n > DANCE_WIRE_MAX)
        return 0;
    return take_page(lookup, known, (size_t)n, with) ? -1 : n;
}

/* The message that asks it, to be freed by OPENSSL_free(), and its length; NULL where there is
 * none.
 */
static uint8_t *encode(const struct question *question, const struct dance_wire_query *query,
                       size_t *len)
{
    const struct dance_wire_chain chain = {
        .query = *query,
        .only = dance_config()->server_chain == DANCE_CHAIN_ONLY,
        .chain = question->chain,
        .chain_len = question->chain_len,
    };
    size_t size = DANCE_WIRE_HEADER + 14 + query->name_len + question->chain_len;
    uint8_t *message = OPENSSL_malloc(size);

    *len = 0;
    if (message != NULL)
        *len = question->chain != NULL ? dance_wire_encode_chain(&chain, message, size)
                                       : dance_wire_encode_query(query, message, size);
    if (*len > 0)
        return message;
    OPENSSL_free(message);
    return NULL;
}

static bool send_question(int fd, const struct question *question,
                          const struct dance_wire_query *query)
{
    size_t len;
    uint8_t *message = encode(question, query, &len);
    ssize_t n = -1;

    if (message == NULL)
        return false;
    do
        n = send(fd, message, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    OPENSSL_free(message);
    return n == (ssize_t)len;
}

static enum outcome ask(struct dance_lookup *lookup, struct dance_known *known,
                        struct dance_kept_fd fd, const struct question *question,
                        const struct dance_wire_query *query, long long deadline,
                        size_t *answer_len)
{
    enum dance_waited waited;
    ssize_t n;

    lookup->generation = known != NULL ? dance_page_generation(dance_known_page(known)) : 0;
    if (!send_question(fd.fd, question, query))
        return DEAD;
    for (;;) {
        waited = dance_wait_readable(fd, deadline);
        if (waited != DANCE_WAITED_READY)
            return waited == DANCE_WAITED_LATE ? LATE : DEAD;
        n = receive(lookup, known, fd.fd);
        if (n < 0)
            continue;
        if (n == 0 || !dance_wire_decode_answer(lookup->message, (size_t)n, &lookup->answer))
            return DEAD;
        if (lookup->answer.id == query->id) {
            *answer_len = (size_t)n;
            return ANSWERED;
        }
    }
}

/* So short a wait, where others have to wait too, says nothing of the DNS or the resolver. */
static bool is_hurried(long long wait_ms)
{
    return 2 * wait_ms < dance_config()->timeout_ms;
}

/* Ask the resolver; as dance_lookup_run(), with the length of the message. */
static int ask_resolver(struct dance_lookup *lookup, struct dance_known *known,
                        struct patience *patience, const struct question *question,
                        long long wait_ms, size_t *answer_len, bool *late)
{
    static _Atomic uint32_t last_id;
    const struct dance_config *config = dance_config();
    /* What it has at once needs a moment to come. */
    long long deadline = dance_now_ms() + (wait_ms > MARGIN_MS ? wait_ms : MARGIN_MS);
    const long long least_ms = question->chain != NULL ? CHAIN_MS : KNOWN_MS;

    if (patience != NULL && dance_now_ms() < atomic_load(&patience->silent_until_ms)) {
        (void)snprintf(lookup->why, sizeof(lookup->why),
                       "it did not answer within %u ms, and is left alone for as long",
                       config->timeout_ms);
        return 0;
    }
    (void)snprintf(lookup->why, sizeof(lookup->why), "it ended while it was asked");
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct dance_wire_query query = {.name = question->name, .name_len = question->len};
        struct dance_kept_fd fd =
            dance_conversation_take(attempt > 0, deadline, lookup->why, sizeof(lookup->why));
        long long left = deadline - dance_now_ms();
        enum outcome outcome;

        if (fd.fd < 0)
            return 0;
        query.id = atomic_fetch_add(&last_id, 1) + 1;
        query.timeout_ms = (uint32_t)(left - MARGIN_MS > least_ms ? left - MARGIN_MS : least_ms);
        outcome = ask(lookup, known, fd, question, &query, deadline, answer_len);
        if (outcome == ANSWERED) {
            dance_conversation_give(fd);
            return 1;
        }
        /* What comes later on this conversation would be for nobody. */
        dance_kept_fd_close(&fd);
        *late = outcome == LATE;
        if (*late) {
            /* It would have said that DNS is late. An event loop does not wait for it all the time.
             */
            if (patience != NULL && !is_hurried(wait_ms))
                atomic_store(&patience->silent_until_ms, dance_now_ms() + config->timeout_ms);
            (void)snprintf(lookup->why, sizeof(lookup->why), "it did not answer within %lld ms",
                           wait_ms > MARGIN_MS ? wait_ms : MARGIN_MS);
            return 0;
        }
    }
    return 0;
}

/*
 * Whoever is met again while his records are good is worth renewing them ahead;
 * the resolver does not see that by itself, as it is not asked.
 */
static void want(struct dance_cached *cached, const char *name, size_t len)
{
    uint8_t message[DANCE_WIRE_HEADER + 1 + DANCE_WIRE_NAME_MAX];
    struct dance_kept_fd fd;
    size_t octets;

    if (atomic_load(&cached->mark) || atomic_exchange(&cached->mark, true))
        return;
    fd = dance_conversation_take_idle();
    if (fd.fd < 0)
        return;
    octets = dance_wire_encode_wanted(name, len, message, sizeof(message));
    if (octets > 0 && send(fd.fd, message, octets, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)octets)
        dance_conversation_give(fd);
    else
        dance_kept_fd_close(&fd);
}

/*
 * Answer from what this process knows: what the DNS said of the name, and where it said nothing
 * that was validated, what this very chain came to.
 */
static bool find(struct dance_lookup *lookup, struct dance_known *known,
                 const struct question *question, const struct dance_known_key *key,
                 const struct dance_moment *now)
{
    const struct dance_known_key of_name =
        dance_known_key_of(question->name, question->len, NULL, 0);
    struct dance_wire_answer *answer = &lookup->answer;

    lookup->cached = dance_known_find(known, &of_name, now, answer);
    if (lookup->cached != NULL && key->of_chain && answer->status != DANCE_WIRE_SECURE
        && answer->status != DANCE_WIRE_ABSENT && answer->status != DANCE_WIRE_INSECURE) {
        dance_cached_free(lookup->cached);
        lookup->cached = NULL;
    }
    if (lookup->cached != NULL && answer->status == DANCE_WIRE_SECURE)
        want(lookup->cached, question->name, question->len);
    if (lookup->cached == NULL && key->of_chain)
        lookup->cached = dance_known_find(known, key, now, answer);
    return lookup->cached != NULL;
}

/* How much of a wait of all_ms others can bear now, to be given back; -1: they wait already. */
static long long take_wait(struct patience *patience, long long all_ms)
{
    long long rest;

    if (patience == NULL || atomic_exchange(&patience->others_wait, true))
        return -1;
    rest = atomic_load(&patience->rested_ms) - dance_now_ms();
    return rest <= 0 ? all_ms : (rest < REST * all_ms ? all_ms - rest / REST : 0);
}

/* Others have waited for used_ms, in this and the last waits that they have not rested from. */
static void give_wait_back(struct patience *patience, long long used_ms)
{
    atomic_store(&patience->rested_ms, dance_now_ms() + REST * used_ms);
    atomic_store(&patience->others_wait, false);
}

/* Ask the resolver and keep what it says. */
static int ask_and_keep(struct dance_lookup *lookup, struct dance_known *known,
                        const struct question *question, const struct dance_known_key *key,
                        bool others_wait, bool *hurried)
{
    struct patience *patience = dance_process_object(&slot);
    const long long all_ms = dance_config()->timeout_ms;
    /* What comes was true when it was sent, which was no earlier than this. */
    struct dance_moment now = dance_moment_now();
    long long begun = dance_now_ms();
    long long wait_ms = others_wait ? take_wait(patience, all_ms) : all_ms;
    size_t answer_len = 0;
    bool late = false;
    int ok = ask_resolver(lookup, known, patience, question, wait_ms, &answer_len, &late);

    if (others_wait && wait_ms >= 0)
        give_wait_back(patience, all_ms - wait_ms + dance_now_ms() - begun);
    /* There was no time for an answer, or for one of the DNS: what is not to be kept is none. */
    *hurried =
        is_hurried(wait_ms)
        && (late || (ok && lookup->answer.status == DANCE_WIRE_FAILED && lookup->answer.ttl == 0));
    if (ok)
        dance_known_keep(known, key, lookup->message, answer_len, &lookup->answer,
                         lookup->generation, &now);
    return ok;
}

/* The reason, and how long it will be the same where nobody flushes it. */
static void say_why(struct dance_lookup *lookup)
{
    const struct dance_wire_answer *answer = &lookup->answer;
    int reason_len = (int)answer->reason_len;

    if (answer->status == DANCE_WIRE_SECURE || answer->ttl == 0)
        (void)snprintf(lookup->why, sizeof(lookup->why), "%.*s", reason_len, answer->reason);
    else
        (void)snprintf(lookup->why, sizeof(lookup->why), "%.*s, believed for %u s still",
                       reason_len, answer->reason, answer->ttl);
}

int dance_lookup_run_with_chain(struct dance_lookup *lookup, const char *name, size_t len,
                                const uint8_t *chain, size_t chain_len, bool others_wait)
{
    const struct question question = {name, len, chain, chain_len};
    const struct dance_known_key key = dance_known_key_of(name, len, chain, chain_len);
    struct dance_known *known = dance_known_here();
    struct dance_moment now = dance_moment_now();
    bool hurried = false;
    int ok = 1;

    dance_prefetch_offer();
    if (!find(lookup, known, &question, &key, &now))
        ok = ask_and_keep(lookup, known, &question, &key, others_wait, &hurried);
    if (hurried) {
        lookup->answer.status = DANCE_WIRE_BUSY;
        (void)snprintf(lookup->why, sizeof(lookup->why),
                       "other clients of the QUIC listener have waited enough, the lookup goes on");
        return 1;
    }
    if (ok)
        say_why(lookup);
    return ok;
}

int dance_lookup_run(struct dance_lookup *lookup, const char *name, size_t len, bool others_wait)
{
    return dance_lookup_run_with_chain(lookup, name, len, NULL, 0, others_wait);
}
