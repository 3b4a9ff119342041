/*
 * Who waits for which chain. The checkers are real ones, in processes of their own; DNS is not
 * to be had, which is what an answer by DNS says.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "worker/chain/chains.h"

#include "now.h"
#include "worker/chain/checker.h"
#include "worker/lookups/lookups.h"
#include "worker/peers/accounts.h"

#include "forged.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 400
#define NO_DNS "no DNS in this test"
#define PATIENCE_MS 60000

static struct octets chain;
static struct forged_key root;
static char anchor_file[] = "/tmp/dance-anchor-XXXXXX";
static struct options options;
static uid_t user; /* whose they are */
static int poller;
static bool may_start; /* false: a checker that is asked for never comes */
static unsigned asked_for;
static pid_t started[64];
static int peer_of[64]; /* the end of a checker that this test is itself */
static bool be_it;
static unsigned count;
static struct lookups_asker asker;
static struct lookups_asker *who = &asker; /* asks */
static struct account *account;
static struct lookups_asker *dies; /* forgotten while something is delivered to it */

static struct {
    uint32_t id;
    enum dance_wire_status status;
    uint32_t ttl;
    char reason[DANCE_WIRE_REASON_MAX + 1];
} delivered[MANY];
static unsigned deliveries;

static void deliver(struct lookups_asker *to, const struct dance_wire_answer *answer)
{
    cr_assert_lt(deliveries, MANY);
    delivered[deliveries].id = answer->id;
    delivered[deliveries].status = answer->status;
    delivered[deliveries].ttl = answer->ttl;
    (void)snprintf(delivered[deliveries].reason, sizeof(delivered[0].reason), "%.*s",
                   (int)answer->reason_len, answer->reason);
    deliveries++;
    if (to == dies) {
        lookups_forget(to);
        chains_forget(to);
    }
}

static void want(void)
{
    int ends[2];

    asked_for++;
    if (!may_start)
        return;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    if (be_it) {
        peer_of[count] = ends[1];
        started[count++] = -1;
    } else {
        started[count] = fork();
        if (started[count] == 0) {
            (void)close(ends[0]);
            _exit(checker_run(&options, user, ends[1]));
        }
        count++;
        (void)close(ends[1]);
    }
    chains_add_checker(ends[0], dance_now_ms());
}

static void set_up(void)
{
    char text[256];
    int fd = mkstemp(anchor_file);
    size_t len;

    root = make_key();
    len = anchor_text(text, sizeof(text), ".", &root);
    cr_assert_eq(write(fd, text, len), (ssize_t)len);
    (void)close(fd);
    options.trust_anchor = anchor_file;
    poller = epoll_create1(EPOLL_CLOEXEC);
    lookups_open((struct lookups_limits){10, 10, 30}, NO_DNS, deliver);
    chains_open(poller, want);
    account = account_join(getpid());
    asker.account = account;
    may_start = true;
    begin_chain(&chain);
    put_keys(&chain, ".", &root);
    put_tlsa(&chain, "a.", ".", &root);
}

static void tear_down(void)
{
    chains_forget(&asker);
    lookups_forget(&asker);
    cr_expect_eq(account->chains, 0);
    chains_close();
    cr_expect_eq(chains_wait_ms(0), -1);
    lookups_close();
    account_leave(account);
    for (unsigned i = 0; i < count; i++) {
        int status = -1;

        if (started[i] > 0) {
            cr_expect_eq(waitpid(started[i], &status, 0), started[i]);
            cr_expect(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        } else {
            (void)close(peer_of[i]);
        }
    }
    (void)unlink(anchor_file);
    (void)close(poller);
    EVP_PKEY_free(root.key);
}

TestSuite(chains, .init = set_up, .fini = tear_down, .timeout = 120);

static void ask_with(uint32_t id, const char *name, bool only, uint32_t timeout_ms, size_t len)
{
    const struct dance_wire_chain c = {.query = {id, timeout_ms, name, strlen(name)},
                                       .only = only,
                                       .chain = chain.at,
                                       .chain_len = len};

    chains_ask(who, &c, dance_now_ms());
}

static void ask(uint32_t id, const char *name, bool only)
{
    ask_with(id, name, only, PATIENCE_MS, chain.len);
}

/* As a worker does, until so many answers are there. */
static void run_until(unsigned answers)
{
    long long end = dance_now_ms() + PATIENCE_MS;
    struct epoll_event event;

    while (deliveries < answers) {
        int wait = chains_wait_ms(dance_now_ms());
        int n;

        cr_assert_lt(dance_now_ms(), end);
        n = epoll_wait(poller, &event, 1, wait < 0 || wait > 1000 ? 1000 : wait);
        if (n > 0)
            cr_assert(chains_event(event.data.ptr, dance_now_ms()));
        chains_expire(dance_now_ms());
    }
}

/* Who may be many is behind the system's, however many chains he has checked. */
static void is_so_nice(uid_t of, int nice)
{
    int base = getpriority(PRIO_PROCESS, 0);

    user = of;
    ask(1, "a", true);
    run_until(1);
    cr_assert_eq(delivered[0].status, DANCE_WIRE_SECURE);
    cr_assert_eq(getpriority(PRIO_PROCESS, (id_t)started[0]), base + nice < 19 ? base + nice : 19);
}

Test(chains, a_checker_of_the_system)
{
    is_so_nice(999, 10);
}

Test(chains, a_checker_of_an_ordinary_user)
{
    is_so_nice(1000, 19);
}

Test(chains, one_that_holds)
{
    ask(7, "a", true);
    run_until(1);
    cr_assert_eq(delivered[0].id, 7);
    cr_assert_eq(delivered[0].status, DANCE_WIRE_SECURE, "%s", delivered[0].reason);
    cr_assert_leq(delivered[0].ttl, 300);
    cr_assert_eq(chains_counters()->secure, 1);
    ask(8, "a", false);
    run_until(2);
    cr_assert_eq(delivered[1].status, DANCE_WIRE_SECURE);
    cr_assert_eq(asked_for, 1, "the same checker");
}

Test(chains, one_that_does_not_hold)
{
    ask(1, "b", true);
    ask_with(2, "a", true, PATIENCE_MS, chain.len - 1);
    run_until(2);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(delivered[i].status, DANCE_WIRE_BOGUS);
        cr_assert_eq(strncmp(delivered[i].reason, "chain: ", 7), 0);
    }
    /* Where the chain alone does not decide, DNS does. */
    ask(3, "b", false);
    run_until(3);
    cr_assert_eq(delivered[2].id, 3);
    cr_assert_str_eq(delivered[2].reason, NO_DNS);
}

Test(chains, many_at_once)
{
    for (uint32_t i = 0; i < 100; i++)
        ask(i, i % 3 == 0 ? "b" : "a", true);
    run_until(100);
    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(delivered[i].status,
                     delivered[i].id % 3 == 0 ? DANCE_WIRE_BOGUS : DANCE_WIRE_SECURE);
    cr_assert_leq(asked_for, 2);
}

Test(chains, no_checker)
{
    may_start = false;
    ask_with(1, "a", true, 200, chain.len);
    ask_with(2, "a", false, 200, chain.len);
    run_until(2);
    cr_assert_eq(delivered[0].id, 2, "half of its time is left to DNS");
    cr_assert_str_eq(delivered[0].reason, NO_DNS);
    cr_assert_eq(delivered[1].status, DANCE_WIRE_FAILED);
    cr_assert_eq(delivered[1].ttl, 0);
    cr_assert_eq(strncmp(delivered[1].reason, "chain: not checked within ", 26), 0);
    cr_assert_eq(chains_counters()->late, 2);
    cr_assert_eq(account->chains, 0);
}

Test(chains, a_checker_that_is_killed)
{
    ask(1, "a", true);
    run_until(1);
    cr_assert_eq(kill(started[0], SIGSTOP), 0);
    ask(2, "a", true);
    cr_assert_eq(kill(started[0], SIGKILL), 0);
    run_until(2);
    cr_assert_eq(delivered[1].status, DANCE_WIRE_FAILED);
    cr_assert_str_eq(delivered[1].reason, "chain: its check came to no end");
    ask(3, "a", true);
    run_until(3);
    cr_assert_eq(delivered[2].status, DANCE_WIRE_SECURE, "by the next one");
}

/* A checker that was taken over answers what it likes, but nothing of another's. */
Test(chains, a_checker_that_lies)
{
    uint8_t message[DANCE_WIRE_MAX];
    struct dance_wire_chain c;
    struct dance_wire_answer answer = {.status = DANCE_WIRE_ABSENT, .reason = ""};
    ssize_t n;
    size_t len;

    be_it = true;
    ask(1, "a", true);
    n = recv(peer_of[0], message, sizeof(message), 0);
    cr_assert(n > 0 && dance_wire_decode_chain(message, (size_t)n, &c));
    answer.id = c.query.id + 1;
    len = dance_wire_encode_answer(&answer, message, sizeof(message));
    cr_assert_eq(send(peer_of[0], message, len, 0), (ssize_t)len);
    run_until(1);
    cr_assert_str_eq(delivered[0].reason, "chain: its check answered nonsense");
    ask(2, "a", true);
    cr_assert_eq(asked_for, 2);
    cr_assert_eq(send(peer_of[1], "nonsense", 8, 0), 8);
    run_until(2);
    cr_assert_str_eq(delivered[1].reason, "chain: its check answered nonsense");
}

/* This test is given the chain of this name to check, as the checker, and answers. */
static bool checks(const char *name)
{
    uint8_t message[DANCE_WIRE_MAX];
    struct dance_wire_chain c;
    struct dance_wire_answer answer = {.status = DANCE_WIRE_ABSENT, .reason = ""};
    ssize_t n = recv(peer_of[0], message, sizeof(message), MSG_DONTWAIT);
    bool is_that;
    size_t len;

    cr_assert(n > 0 && dance_wire_decode_chain(message, (size_t)n, &c));
    is_that = c.query.name_len == strlen(name) && memcmp(c.query.name, name, strlen(name)) == 0;
    answer.id = c.query.id;
    len = dance_wire_encode_answer(&answer, message, sizeof(message));
    cr_assert_eq(send(peer_of[0], message, len, 0), (ssize_t)len);
    run_until(deliveries + 1);
    return is_that;
}

/* One that floods waits for itself. */
Test(chains, processes_take_turns)
{
    struct lookups_asker another = {.account = account_join(1)};

    be_it = true;
    ask(1, "a", true);
    may_start = false;
    for (uint32_t i = 2; i < 100; i++)
        ask(i, "a", true);
    who = &another;
    ask(100, "b", true);
    ask(101, "b", true);
    cr_assert(checks("a"));
    cr_assert(checks("b"));
    cr_assert(checks("a"));
    cr_assert(checks("b"));
    cr_assert(checks("a"));
    account_leave(another.account);
}

Test(chains, who_has_gone_is_told_nothing)
{
    be_it = true;
    ask(1, "a", true);
    ask(2, "a", true);
    ask(3, "a", true);
    cr_assert_eq(account->chains, 3);
    chains_forget(&asker);
    cr_assert_eq(account->chains, 0);
    chains_expire(dance_now_ms() + 2 * PATIENCE_MS);
    cr_assert_eq(deliveries, 0);
}

Test(chains, who_goes_while_he_is_told)
{
    dies = &asker;
    ask(1, "b", true);
    ask(2, "b", true);
    ask(3, "b", false);
    run_until(1);
    cr_assert_eq(account->chains, 0);
    chains_expire(dance_now_ms() + 2 * PATIENCE_MS);
    cr_assert_eq(deliveries, 1);
}

Test(chains, bounds)
{
    may_start = false;
    for (uint32_t i = 0; i < 128; i++)
        ask(i, "a", true);
    cr_assert_eq(deliveries, 0);
    ask(128, "a", true);
    cr_assert_eq(deliveries, 1);
    cr_assert_eq(delivered[0].status, DANCE_WIRE_BUSY);
    ask(129, "a", false);
    cr_assert_str_eq(delivered[1].reason, NO_DNS);
    asker.account = NULL; /* another process's are beyond that, within the bound of all */
    for (uint32_t i = 130; i < 130 + 128; i++)
        ask(i, "a", true);
    cr_assert_eq(deliveries, 2);
    ask(999, "a", true);
    cr_assert_eq(delivered[2].status, DANCE_WIRE_BUSY);
    cr_assert_eq(asked_for, 1, "one at a time");
    cr_assert_eq(chains_counters()->busy, 3);
    asker.account = account;
    account->chains = 256; /* as many as are about to be forgotten */
}

Test(chains, a_checker_without_work_is_sent_away)
{
    ask(1, "a", true);
    run_until(1);
    cr_assert_gt(chains_wait_ms(dance_now_ms()), 1000);
    chains_expire(dance_now_ms() + 3600000);
    cr_assert_eq(chains_wait_ms(dance_now_ms()), -1);
    cr_assert_eq(waitpid(started[0], NULL, 0), started[0]);
    started[0] = 0;
    peer_of[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

Test(chains, no_trust_anchor)
{
    (void)unlink(anchor_file);
    ask(1, "a", true);
    run_until(1);
    cr_assert_eq(delivered[0].status, DANCE_WIRE_FAILED);
    cr_assert_not_null(strstr(delivered[0].reason, anchor_file));
}
