/* What is kept of answers, with this program as the resolver.
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "lookup/ask.h"

#include "../pairs.h"
#include "dance_wire_chain.h"
#include "fd_message.h"
#include "generation.h"
#include "process.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NAME "sensor7._device.example.com"
#define REASON "the name does not exist"
#define TTL 60

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static struct dance_generation generation;
static bool gives_page;
static _Atomic int
    flush_at; /* the query, counted from 1, after whose answer was made comes a flush */
static _Atomic int queries;
/* What is said of a name, and of one that comes with a chain. */
static _Atomic int of_name = DANCE_WIRE_ABSENT, of_chain = DANCE_WIRE_BOGUS;
static char why[512];
static const char *timeout = "60"; /* seconds */
static _Atomic uint32_t given_ms;  /* for the last query */
#define SLOW_MS 900                /* that an answer takes to the query of the name slow */

static void unlink_socket(void)
{
    (void)unlink(address.sun_path);
}

TestSuite(ask, .fini = unlink_socket);

static void begin(int conversation)
{
    uint8_t octets[64];
    size_t len =
        dance_wire_encode_page(dance_generation_now(generation.counter), octets, sizeof(octets));

    if (gives_page)
        cr_assert(dance_send_fd(conversation, octets, len, generation.fd));
}

static void respond(int conversation, const uint8_t *message, size_t len)
{
    static uint8_t octets[DANCE_WIRE_MAX];
    struct dance_wire_chain query;
    bool with_chain = dance_wire_decode_chain(message, len, &query);
    struct dance_wire_answer answer = {.status = with_chain ? of_chain : of_name,
                                       .ttl = TTL,
                                       .reason = REASON,
                                       .reason_len = sizeof(REASON) - 1};

    cr_assert(with_chain || dance_wire_decode_query(message, len, &query.query));
    cr_assert(!with_chain || !query.only);
    answer.id = query.query.id;
    atomic_store(&given_ms, query.query.timeout_ms);
    if (query.query.name_len == 4)
        (void)poll(NULL, 0, SLOW_MS);
    if (atomic_fetch_add(&queries, 1) + 1 == atomic_load(&flush_at))
        dance_generation_bump(&generation);
    len = dance_wire_encode_answer(&answer, octets, sizeof(octets));
    cr_assert_eq(send(conversation, octets, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* A resolver for one control channel and its first conversation. */
static void *serve(void *arg)
{
    struct pollfd at[2] = {{accept4(*(int *)arg, NULL, NULL, SOCK_CLOEXEC), POLLIN, 0},
                           {-1, POLLIN, 0}};
    uint8_t message[512];

    while (poll(at, 2, -1) > 0) {
        int with = -1;
        ssize_t len;

        for (int i = 0; i < 2; i++) {
            if (at[i].revents == 0)
                continue;
            len = dance_receive_fd(at[i].fd, message, sizeof(message), &with);
            if (len <= 0) {
                at[i].fd = -1;
            } else if (with >= 0) {
                at[1].fd = with;
                begin(with);
            } else {
                respond(at[i].fd, message, (size_t)len);
            }
        }
    }
    return NULL;
}

static void start(bool with_page)
{
    static int listener;
    pthread_t thread;

    listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/dance-test-ask-%ld.sock",
                   (long)getpid());
    unlink_socket();
    cr_assert_eq(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(listener, 1), 0);
    gives_page = with_page;
    cr_assert(dance_generation_make(&generation));
    dance_process_configure(CONFIG(GOOD_SERVER, {"dns.resolver", address.sun_path},
                                   {"dns.timeout", timeout}, {"log", "none"}));
    cr_assert_eq(pthread_create(&thread, NULL, serve, &listener), 0);
}

static int queries_after_lookup(void)
{
    struct dance_lookup *lookup = dance_lookup_new();

    cr_assert(dance_lookup_run(lookup, NAME, sizeof(NAME) - 1, false), "%s", lookup->why);
    cr_assert_eq(lookup->answer.status, DANCE_WIRE_ABSENT);
    (void)snprintf(why, sizeof(why), "%s", lookup->why);
    dance_lookup_free(lookup);
    return atomic_load(&queries);
}

Test(ask, a_flush_voids_what_was_answered_before)
{
    start(true);
    cr_assert_eq(queries_after_lookup(), 1);
    cr_assert_str_eq(why, REASON ", believed for 60 s still");
    cr_assert_eq(queries_after_lookup(), 1);
    dance_generation_bump(&generation);
    cr_assert_eq(queries_after_lookup(), 2);
    cr_assert_eq(queries_after_lookup(), 2);
}

Test(ask, a_flush_voids_what_was_asked_before)
{
    start(true);
    atomic_store(&flush_at, 1);
    cr_assert_eq(queries_after_lookup(), 1);
    cr_assert_eq(queries_after_lookup(), 2);
    atomic_store(&flush_at, 3);
    dance_generation_bump(&generation);
    cr_assert_eq(queries_after_lookup(), 3);
    cr_assert_eq(queries_after_lookup(), 4);
    cr_assert_eq(queries_after_lookup(), 4);
}

Test(ask, without_a_page_nothing_is_kept)
{
    start(false);
    cr_assert_eq(queries_after_lookup(), 1);
    cr_assert_eq(queries_after_lookup(), 2);
}

static enum dance_wire_status status_with(const char *chain)
{
    struct dance_lookup *lookup = dance_lookup_new();
    enum dance_wire_status status;

    cr_assert(dance_lookup_run_with_chain(lookup, NAME, sizeof(NAME) - 1, (const uint8_t *)chain,
                                          chain != NULL ? strlen(chain) : 0, false),
              "%s", lookup->why);
    status = lookup->answer.status;
    dance_lookup_free(lookup);
    return status;
}

Test(ask, what_a_chain_came_to_is_known_of_that_chain_alone)
{
    start(true);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(status_with("one"), DANCE_WIRE_BOGUS);
        cr_assert_eq(atomic_load(&queries), 1);
    }
    atomic_store(&of_chain, DANCE_WIRE_FAILED);
    cr_assert_eq(status_with("other"), DANCE_WIRE_FAILED);
    cr_assert_eq(status_with("one"), DANCE_WIRE_BOGUS);
    cr_assert_eq(atomic_load(&queries), 2);
    cr_assert_eq(status_with(NULL), DANCE_WIRE_ABSENT);
    cr_assert_eq(atomic_load(&queries), 3);
}

Test(ask, what_the_dns_said_goes_before_a_chain)
{
    start(true);
    cr_assert_eq(status_with("one"), DANCE_WIRE_BOGUS);
    cr_assert_eq(status_with(NULL), DANCE_WIRE_ABSENT);
    cr_assert_eq(status_with("one"), DANCE_WIRE_ABSENT);
    cr_assert_eq(status_with("other"), DANCE_WIRE_ABSENT);
    cr_assert_eq(atomic_load(&queries), 2);
}

Test(ask, where_the_dns_could_not_be_believed_a_chain_decides)
{
    start(true);
    atomic_store(&of_name, DANCE_WIRE_FAILED);
    atomic_store(&of_chain, DANCE_WIRE_INSECURE);
    cr_assert_eq(status_with(NULL), DANCE_WIRE_FAILED);
    cr_assert_eq(status_with("one"), DANCE_WIRE_INSECURE);
    cr_assert_eq(status_with(NULL), DANCE_WIRE_FAILED);
    cr_assert_eq(atomic_load(&queries), 2);
}

Test(ask, a_flush_voids_what_a_chain_came_to)
{
    start(true);
    cr_assert_eq(status_with("one"), DANCE_WIRE_BOGUS);
    dance_generation_bump(&generation);
    cr_assert_eq(status_with("one"), DANCE_WIRE_BOGUS);
    cr_assert_eq(atomic_load(&queries), 2);
}

/*
 * Others wait with whoever is in a handshake with a QUIC listener, and have waited enough: a name
 * that is not known is looked up for who comes next, but the check of a chain is worth a moment.
 */
Test(ask, a_chain_is_checked_though_others_have_waited)
{
    struct dance_lookup *lookup = dance_lookup_new();
    static const uint8_t octets[] = "one";

    timeout = "1";
    atomic_store(&of_chain, DANCE_WIRE_INSECURE);
    start(true);
    cr_assert(dance_lookup_run(lookup, "slow", 4, true), "%s", lookup->why);
    cr_assert_geq(atomic_load(&given_ms), 500);
    cr_assert(dance_lookup_run(lookup, NAME, sizeof(NAME) - 1, true));
    cr_assert_eq(atomic_load(&given_ms), 1);
    dance_generation_bump(&generation);
    cr_assert(
        dance_lookup_run_with_chain(lookup, NAME, sizeof(NAME) - 1, octets, sizeof(octets), true));
    cr_assert_eq(lookup->answer.status, DANCE_WIRE_INSECURE);
    cr_assert_eq(atomic_load(&given_ms), 50);
    dance_lookup_free(lookup);
}
