/*
 * far: DNS servers that are not near.
 *
 *     far MILLISECONDS LOG ADDRESS PORT [ADDRESS PORT]...
 *
 * Whoever asks ADDRESS, port 53, by UDP gets the answer of 127.0.0.1, PORT, so
 * much later. Writes each question to LOG: address, name, type.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SERVERS 32
#define IN_FLIGHT 65536u
#define BUFFER (16 << 20)

/* A question that waits for its time: all wait equally long, so the first come is the first due. */
struct question {
    double due;
    int server;
    size_t len;
    struct sockaddr_in client;
    unsigned char message[512];
};

/* What the number that it is passed on with stands for. */
struct passed {
    struct sockaddr_in client;
    unsigned char id[2];
};

static struct question waiting[IN_FLIGHT];
static struct passed passed[SERVERS][IN_FLIGHT];
static unsigned came, gone;
static const char *addresses[SERVERS];
static FILE *out;

static double now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int udp(const char *address, int port, int server)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int size = BUFFER;
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    (void)inet_pton(AF_INET, address, &a.sin_addr);
    (void)setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    if ((server ? bind(s, (struct sockaddr *)&a, sizeof(a))
                : connect(s, (struct sockaddr *)&a, sizeof(a)))
        != 0) {
        perror(address);
        exit(1);
    }
    return s;
}

static void write_down(const struct question *q)
{
    size_t at = 12;

    fprintf(out, "%s ", addresses[q->server]);
    while (at < q->len && q->message[at] != 0) {
        fprintf(out, "%.*s.", q->message[at], (const char *)q->message + at + 1);
        at += 1u + q->message[at];
    }
    if (at + 2 < q->len)
        fprintf(out, "%s %d\n", at == 12 ? "." : "", q->message[at + 1] << 8 | q->message[at + 2]);
}

static void take_questions(int s, int server, double delay)
{
    for (;;) {
        struct question *q = &waiting[came % IN_FLIGHT];
        socklen_t size = sizeof(q->client);
        ssize_t n =
            recvfrom(s, q->message, sizeof(q->message), 0, (struct sockaddr *)&q->client, &size);

        if (n < 12 || came - gone >= IN_FLIGHT)
            return;
        q->len = (size_t)n;
        q->server = server;
        q->due = now_ms() + delay;
        write_down(q);
        came++;
    }
}

static void pass_questions(const int *behind)
{
    static uint16_t number;

    for (; gone != came && waiting[gone % IN_FLIGHT].due <= now_ms(); gone++) {
        struct question *q = &waiting[gone % IN_FLIGHT];
        struct passed *p = &passed[q->server][++number];

        p->client = q->client;
        memcpy(p->id, q->message, 2);
        q->message[0] = (unsigned char)(number >> 8);
        q->message[1] = (unsigned char)number;
        (void)send(behind[q->server], q->message, q->len, 0);
    }
}

static void pass_answers(int from, int to, int server)
{
    unsigned char message[65536];
    ssize_t n;

    while ((n = recv(from, message, sizeof(message), 0)) >= 12) {
        const struct passed *p = &passed[server][message[0] << 8 | message[1]];

        memcpy(message, p->id, 2);
        (void)sendto(to, message, (size_t)n, 0, (const struct sockaddr *)&p->client,
                     sizeof(p->client));
    }
}

int main(int argc, char *argv[])
{
    struct pollfd ready[2 * SERVERS];
    int behind[SERVERS];
    int count = (argc - 3) / 2;
    double delay;

    if (argc < 5 || argc % 2 == 0 || count > SERVERS)
        return 2;
    delay = atof(argv[1]);
    out = fopen(argv[2], "w");
    if (out == NULL)
        return 1;
    for (int i = 0; i < count; i++) {
        addresses[i] = argv[3 + 2 * i];
        behind[i] = udp("127.0.0.1", atoi(argv[4 + 2 * i]), 0);
        ready[2 * i] = (struct pollfd){.fd = udp(addresses[i], 53, 1), .events = POLLIN};
        ready[2 * i + 1] = (struct pollfd){.fd = behind[i], .events = POLLIN};
    }
    puts("ready");
    (void)fflush(stdout);
    for (;;) {
        double wait = gone != came ? waiting[gone % IN_FLIGHT].due - now_ms() : 1000;
        struct timespec t = {.tv_sec = (time_t)(wait / 1000)};

        t.tv_nsec = wait <= 0 ? 0 : (long)((wait - (double)t.tv_sec * 1000) * 1e6);
        if (gone == came)
            (void)fflush(out);
        (void)ppoll(ready, 2 * (nfds_t)count, wait <= 0 ? &(struct timespec){0, 0} : &t, NULL);
        for (int i = 0; i < count; i++) {
            take_questions(ready[2 * i].fd, i, delay);
            pass_answers(behind[i], ready[2 * i].fd, i);
        }
        pass_questions(behind);
    }
}
