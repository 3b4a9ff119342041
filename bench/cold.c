/*
 * cold: asks for the TLSA records of many names, so many at a time.
 *
 *     cold wire SOCKET FORMAT FIRST COUNT CONCURRENCY [RATE]   dance-resolver, over conversations
 *     cold udp PORT FORMAT FIRST COUNT CONCURRENCY [RATE]      a DNS resolver on 127.0.0.1
 *
 * FORMAT is a name with one %u, which counts from FIRST. RATE: begin so many a
 * second, whatever the answers take; a latency counts from when a question was
 * due. Prints the rate, the latencies' median, p99 and largest in milliseconds,
 * and how many of the answers were not secure.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "dance_wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 30000
#define SOCKETS 64           /* by UDP: one query a socket and id, which has 16 bits */
#define OF_A_CONVERSATION 64 /* queries that wait, as many as the resolver takes */
#define TYPE_TLSA 52

struct question {
    double due;
    double took; /* less than 0: no answer yet */
    bool secure;
};

static const char *format;
static unsigned first;
static struct question *questions;

static double now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void check(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

static size_t name_of(unsigned i, char *out, size_t size)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int n = snprintf(out, size, format, first + i);
#pragma GCC diagnostic pop

    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

/* A connected socket with one end given to the resolver, as the module does it. */
static int conversation(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int control = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    int pair[2] = {-1, -1};
    uint8_t bare[DANCE_WIRE_HEADER];
    struct iovec octets = {bare,
                           dance_wire_encode_bare(DANCE_WIRE_CONVERSATION, bare, sizeof(bare))};
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {0};
    struct msghdr message = {
        .msg_iov = &octets, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    check(connect(control, (struct sockaddr *)&address, sizeof(address)) == 0, path);
    check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0, "socketpair");
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &pair[1], sizeof(int));
    check(sendmsg(control, &message, 0) == DANCE_WIRE_HEADER, "sendmsg");
    (void)close(pair[1]);
    return pair[0];
}

static int udp(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(port)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_DGRAM, 0);

    check(s >= 0 && connect(s, (struct sockaddr *)&address, sizeof(address)) == 0, "connect");
    return s;
}

static void ask_wire(int s, unsigned i)
{
    char name[DANCE_WIRE_NAME_MAX + 1];
    uint8_t message[512];
    struct dance_wire_query q = {.id = i, .timeout_ms = TIMEOUT_MS, .name = name};

    q.name_len = name_of(i, name, sizeof(name));
    check(send(s, message, dance_wire_encode_query(&q, message, sizeof(message)), 0) > 0, "send");
}

/* The question is the socket's number and the id. */
static void ask_udp(int s, unsigned i)
{
    char name[DANCE_WIRE_NAME_MAX + 2];
    /* RD; one question, one OPT record: DO, 1232 octets. */
    uint8_t message[512] = {0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1};
    static const uint8_t rest[] = {0, 0, TYPE_TLSA, 0, 1, 0, 0, 41, 4, 0xd0, 0, 0, 0x80, 0, 0, 0};
    uint8_t *at = message + 12;
    unsigned id = i / SOCKETS;

    message[0] = (uint8_t)(id >> 8);
    message[1] = (uint8_t)id;
    (void)name_of(i, name, sizeof(name));
    for (char *label = name; *label != '\0';) {
        size_t n = strcspn(label, ".");

        *at++ = (uint8_t)n;
        memcpy(at, label, n);
        at += n;
        label += n + (label[n] == '.');
    }
    memcpy(at, rest, sizeof(rest));
    at += sizeof(rest);
    check(send(s, message, (size_t)(at - message), 0) > 0, "send");
}

static bool take_wire(int s, unsigned *i, bool *secure)
{
    static uint8_t message[DANCE_WIRE_MAX];
    static struct dance_wire_answer answer;
    ssize_t n = recv(s, message, sizeof(message), MSG_DONTWAIT);

    if (n < 0)
        return false;
    /* The page comes first, and is of no use here. */
    if (dance_wire_type(message, (size_t)n) == DANCE_WIRE_PAGE)
        return take_wire(s, i, secure);
    check(dance_wire_decode_answer(message, (size_t)n, &answer) != 0, "answer");
    if (answer.status != DANCE_WIRE_SECURE)
        fprintf(stderr, "%.*s\n", (int)answer.reason_len, answer.reason);
    *i = answer.id;
    *secure = answer.status == DANCE_WIRE_SECURE;
    return true;
}

static bool take_udp(int s, unsigned which, unsigned *i, bool *secure)
{
    uint8_t message[4096];
    ssize_t n = recv(s, message, sizeof(message), MSG_DONTWAIT);

    if (n < 12)
        return false;
    *i = ((unsigned)message[0] << 8 | message[1]) * SOCKETS + which;
    /* AD, no error, an answer. */
    *secure = (message[3] & 0x2f) == 0x20 && (message[6] | message[7]) != 0;
    return true;
}

static int by_time(const void *a, const void *b)
{
    double x = ((const struct question *)a)->took;
    double y = ((const struct question *)b)->took;

    return (x > y) - (x < y);
}

static void report(unsigned count, double seconds)
{
    unsigned bad = 0;

    for (unsigned i = 0; i < count; i++)
        bad += !questions[i].secure;
    qsort(questions, count, sizeof(*questions), by_time);
    printf("%.1f %.3f %.3f %.3f %u\n", count / seconds, questions[count / 2].took,
           questions[(size_t)count * 99 / 100].took, questions[count - 1].took, bad);
}

int main(int argc, char *argv[])
{
    int sockets[SOCKETS];
    struct pollfd ready[SOCKETS];
    unsigned waiting[SOCKETS] = {0}; /* questions */
    bool wire = argc > 6 && strcmp(argv[1], "wire") == 0;
    unsigned many = SOCKETS;
    unsigned count = argc > 6 ? (unsigned)atoi(argv[5]) : 0;
    unsigned concurrency = argc > 6 ? (unsigned)atoi(argv[6]) : 0;
    double every = argc > 7 ? 1000 / atof(argv[7]) : 0;
    unsigned begun = 0;
    unsigned ended = 0;
    double begin;

    if (count == 0 || concurrency == 0)
        return 2;
    if (wire)
        many = (concurrency - 1) / OF_A_CONVERSATION + 1;
    check(many <= SOCKETS, "CONCURRENCY");
    format = argv[3];
    first = (unsigned)atoi(argv[4]);
    questions = calloc(count, sizeof(*questions));
    check(questions != NULL, "calloc");
    for (unsigned i = 0; i < many; i++) {
        sockets[i] = wire ? conversation(argv[2]) : udp(argv[2]);
        ready[i] = (struct pollfd){.fd = sockets[i], .events = POLLIN};
    }
    begin = now_ms();
    while (ended < count) {
        double now = now_ms();

        for (; begun < count && begun - ended < concurrency && now >= begin + begun * every;
             begun++) {
            unsigned s = wire ? 0 : begun % SOCKETS;

            questions[begun].due = every > 0 ? begin + begun * every : now_ms();
            questions[begun].took = -1;
            while (wire && waiting[s] == OF_A_CONVERSATION)
                s++; /* there is one that has room, or so many would not be under way */
            waiting[s]++;
            if (wire)
                ask_wire(sockets[s], begun);
            else
                ask_udp(sockets[s], begun);
        }
        if (poll(ready, many, every > 0 ? 1 : TIMEOUT_MS) == 0 && every == 0)
            break; /* the rest is lost, and not secure */
        for (unsigned s = 0; s < many; s++) {
            unsigned i;
            bool secure;

            while ((ready[s].revents & POLLIN) != 0
                   && (wire ? take_wire(sockets[s], &i, &secure)
                            : take_udp(sockets[s], s, &i, &secure))) {
                if (i >= begun || questions[i].took >= 0)
                    continue;
                waiting[s]--;
                questions[i].took = now_ms() - questions[i].due;
                questions[i].secure = secure;
                ended++;
            }
        }
    }
    report(count, (now_ms() - begin) / 1000);
    free(questions);
    return 0;
}
