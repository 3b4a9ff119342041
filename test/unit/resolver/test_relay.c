/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/relay.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TYPE_TXT 16
#define PATIENCE_MS 60000
#define MANY 500

static int silence; /* a socket that takes queries and answers none */

/* A context that answers NAME.local.invalid. itself, and asks somebody silent for all else. */
static struct relay *open_relay(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    struct ub_ctx *context = ub_ctx_create();
    struct relay *relay;
    char text[64];

    silence = socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert_eq(bind(silence, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(getsockname(silence, (struct sockaddr *)&address, &len), 0);
    (void)snprintf(text, sizeof(text), "127.0.0.1@%u", ntohs(address.sin_port));
    cr_assert_eq(ub_ctx_set_fwd(context, text), 0);
    cr_assert_eq(ub_ctx_async(context, 1), 0);
    cr_assert_eq(ub_ctx_zone_add(context, "local.invalid.", "redirect"), 0);
    cr_assert_eq(ub_ctx_data_add(context, "local.invalid. TXT \"here\""), 0);
    relay = relay_open(context);
    cr_assert_not_null(relay);
    return relay;
}

static void close_relay(struct relay *relay)
{
    relay_end(relay);
    cr_expect(relay_free(relay, PATIENCE_MS));
    (void)close(silence);
}

static unsigned called;
static int victim; /* of the callback, or 0 */
static struct relay *current;

static void on_result(void *arg, int error, struct ub_result *result)
{
    called++;
    cr_expect_eq(error, 0);
    cr_assert_not_null(result);
    cr_expect(result->havedata);
    cr_expect_str_eq(result->qname, arg);
    ub_resolve_free(result);
    if (victim != 0)
        relay_cancel(current, victim);
    victim = 0;
}

static void wait_readable(const struct relay *relay)
{
    struct pollfd fd = {.fd = relay_fd(relay), .events = POLLIN};

    cr_assert_eq(poll(&fd, 1, PATIENCE_MS), 1);
}

static int start(struct relay *relay, char *name)
{
    int id = 0;

    cr_assert_eq(relay_start(relay, name, TYPE_TXT, name, on_result, &id), 0);
    cr_assert_neq(id, 0);
    return id;
}

Test(relay, results_come_in_the_callers_thread)
{
    static char names[MANY][32];
    struct relay *relay = open_relay();

    for (int i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "n%d.local.invalid.", i);
        (void)start(relay, names[i]);
    }
    while (called < MANY) {
        wait_readable(relay);
        cr_assert(relay_process(relay));
    }
    cr_expect_eq(called, MANY);
    close_relay(relay);
}

/* Before libunbound has it, while it has, and when the result is there. */
Test(relay, cancelled_wherever_it_is)
{
    static char here[] = "a.local.invalid.";
    static char nowhere[] = "silent.example.com.";
    struct relay *relay = open_relay();

    relay_cancel(relay, start(relay, here));
    relay_cancel(relay, start(relay, nowhere));
    relay_cancel(relay, 12345);
    for (int i = 0; i < MANY; i++) {
        int id = start(relay, i % 2 == 0 ? here : nowhere);

        if (i % 16 == 0)
            wait_readable(relay);
        relay_cancel(relay, id);
    }
    (void)start(relay, here);
    while (called == 0) {
        wait_readable(relay);
        cr_assert(relay_process(relay));
    }
    cr_expect_eq(called, 1);
    close_relay(relay);
}

/* By the callback of another one that arrived with it. */
Test(relay, cancelled_by_a_callback)
{
    static char one[] = "one.local.invalid.";
    static char two[] = "two.local.invalid.";

    current = open_relay();
    (void)start(current, one);
    victim = start(current, two);
    (void)start(current, one);
    while (called < 2) {
        wait_readable(current);
        cr_assert(relay_process(current));
    }
    cr_expect_eq(called, 2);
    close_relay(current);
}

static void on_error(void *arg, int error, struct ub_result *result)
{
    *(int *)arg = error;
    cr_expect_null(result);
}

Test(relay, a_bad_name_is_an_error)
{
    struct relay *relay = open_relay();
    char name[400];
    int error = 0;
    int id = 0;

    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    cr_assert_eq(relay_start(relay, name, TYPE_TXT, &error, on_error, &id), 0);
    while (error == 0) {
        wait_readable(relay);
        cr_assert(relay_process(relay));
    }
    cr_expect_eq(error, UB_SYNTAX);
    close_relay(relay);
}

/* What is under way is freed: for the leak checker. */
Test(relay, closed_with_lookups_under_way)
{
    struct relay *relay = open_relay();
    char name[64];
    int id = 0;

    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof(name), "n%d.example.com.", i);
        cr_assert_eq(relay_start(relay, name, TYPE_TXT, NULL, on_result, &id), 0);
    }
    relay_cancel(relay, id);
    close_relay(relay);
    cr_expect_eq(called, 0);
}
