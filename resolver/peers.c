/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "peers.h"

#include "dance_wire.h"
#include "log.h"
#include "lookups.h"
#include "owner_name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PEERS_MAX 8192u
#define WAITING_PER_PEER 64u
#define QUERY_MAX 512u
/* Messages of one peer in a row, so that a flood of one does not starve the others. */
#define BATCH 32
#define DESCRIPTORS_MAX 8

enum kind {
    LISTENER,
    CHANNEL,     /* inherited control channel, shared by the application's processes */
    CONNECTION,  /* accepted: a control channel on which queries are answered, too */
    CONVERSATION /* came over a control channel */
};

/* A process at the other end. */
struct client {
    LIST_ENTRY(client) all;
    pid_t pid;
    unsigned peers;
    unsigned waiting;
};

struct peer {
    LIST_ENTRY(peer) all;
    int fd; /* -1: ended, to be buried */
    enum kind kind;
    unsigned waiting;
    struct client *client;
};

static LIST_HEAD(, peer) alive = LIST_HEAD_INITIALIZER(alive);
static LIST_HEAD(, peer) dead = LIST_HEAD_INITIALIZER(dead);
static LIST_HEAD(, client) clients = LIST_HEAD_INITIALIZER(clients);
static int epoll;
static unsigned per_client;
static unsigned count;

void peers_open(int epoll_fd, unsigned max_per_client)
{
    epoll = epoll_fd;
    per_client = max_per_client;
}

/* The process at the other end of fd, with one peer more. NULL when out of memory. */
static struct client *client_of(int fd)
{
    struct ucred credentials = {0};
    socklen_t size = sizeof(credentials);
    struct client *c;

    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size);
    LIST_FOREACH(c, &clients, all)
    {
        if (c->pid == credentials.pid)
            break;
    }
    if (c == NULL) {
        c = calloc(1, sizeof(*c));
        if (c == NULL)
            return NULL;
        c->pid = credentials.pid;
        LIST_INSERT_HEAD(&clients, c, all);
    }
    c->peers++;
    return c;
}

static void leave(struct client *c)
{
    if (--c->peers > 0)
        return;
    LIST_REMOVE(c, all);
    free(c);
}

static void end(struct peer *p)
{
    if (p->fd < 0)
        return;
    lookups_forget(p);
    (void)close(p->fd); /* which also takes it out of epoll */
    p->fd = -1;
    p->client->waiting -= p->waiting;
    leave(p->client);
    count -= p->kind != LISTENER;
    LIST_REMOVE(p, all);
    LIST_INSERT_HEAD(&dead, p, all);
}

void peers_bury(void)
{
    while (!LIST_EMPTY(&dead)) {
        struct peer *p = LIST_FIRST(&dead);

        LIST_REMOVE(p, all);
        free(p);
    }
}

void peers_close(void)
{
    while (!LIST_EMPTY(&alive))
        end(LIST_FIRST(&alive));
    peers_bury();
}

/* Takes fd, also on failure. */
static int add(int fd, enum kind kind)
{
    struct peer *p = count < PEERS_MAX ? calloc(1, sizeof(*p)) : NULL;
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = p}};

    if (p != NULL)
        p->client = client_of(fd);
    if (p == NULL || p->client == NULL) {
        free(p);
        (void)close(fd);
        return 0;
    }
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        leave(p->client);
        free(p);
        (void)close(fd);
        return 0;
    }
    p->fd = fd;
    p->kind = kind;
    LIST_INSERT_HEAD(&alive, p, all);
    count += kind != LISTENER;
    return 1;
}

int peers_add_listener(int fd)
{
    return add(fd, LISTENER);
}

int peers_add_control(int fd)
{
    return add(fd, CHANNEL);
}

unsigned peers_count(void)
{
    return count;
}

void peers_deliver(void *asker, const struct dance_wire_answer *answer)
{
    static uint8_t message[DANCE_WIRE_MAX];
    struct peer *p = asker;
    size_t len = dance_wire_encode_answer(answer, message, sizeof(message));

    p->waiting--;
    p->client->waiting--;
    if (len == 0 || send(p->fd, message, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len)
        end(p);
}

static void take_query(struct peer *p, const struct dance_wire_query *query, long long now_ms)
{
    static const char busy[] = "too many queries of this process are waiting";
    struct dance_wire_answer answer = {.id = query->id,
                                       .status = DANCE_WIRE_BUSY,
                                       .ttl = 1,
                                       .reason = busy,
                                       .reason_len = sizeof(busy) - 1};
    bool too_many = p->waiting >= WAITING_PER_PEER || p->client->waiting >= per_client;

    p->waiting++;
    p->client->waiting++;
    if (too_many)
        peers_deliver(p, &answer);
    else
        lookups_ask(p, query, now_ms);
}

/* A descriptor that came over a control channel: only a socket of the right kind is taken. */
static void take_conversation(int fd)
{
    int domain = 0;
    int type = 0;
    socklen_t size = sizeof(int);

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0
        && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && domain == AF_UNIX
        && type == SOCK_SEQPACKET)
        (void)add(fd, CONVERSATION);
    else
        (void)close(fd);
}

/* Move the descriptors of a message to fds; their number, at most DESCRIPTORS_MAX. */
static int received_fds(struct msghdr *msg, int fds[DESCRIPTORS_MAX])
{
    int n = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        size_t octets;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        octets = c->cmsg_len - CMSG_LEN(0);
        for (size_t i = 0; i + sizeof(int) <= octets && n < DESCRIPTORS_MAX; i += sizeof(int))
            memcpy(&fds[n++], CMSG_DATA(c) + i, sizeof(int));
    }
    return n;
}

/*
 * Act on one message with its descriptors, all of which are taken or closed.
 * 0 when it was none that this kind of peer may send.
 */
static int take_message(struct peer *p, const uint8_t *message, size_t len, const int *fds, int n,
                        long long now_ms)
{
    struct dance_wire_query query;

    if (p->kind != CONVERSATION && n == 1 && len == DANCE_WIRE_HEADER
        && dance_wire_type(message, len) == DANCE_WIRE_CONVERSATION) {
        take_conversation(fds[0]);
        return 1;
    }
    for (int i = 0; i < n; i++)
        (void)close(fds[i]);
    if (p->kind == CHANNEL || n > 0 || !dance_wire_decode_query(message, len, &query)
        || dance_owner_name_fault(query.name, query.name_len) != NULL)
        return 0;
    take_query(p, &query, now_ms);
    return 1;
}

/* 1: a message was handled; 0: there is none now, or the peer has ended. */
static int receive(struct peer *p, long long now_ms)
{
    uint8_t message[QUERY_MAX];
    union {
        struct cmsghdr header;
        char octets[CMSG_SPACE(sizeof(int) * DESCRIPTORS_MAX)];
    } ancillary;
    struct iovec part = {message, sizeof(message)};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = ancillary.octets,
                         .msg_controllen = sizeof(ancillary.octets)};
    int fds[DESCRIPTORS_MAX];
    ssize_t len = recvmsg(p->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (len <= 0) {
        end(p);
        return 0;
    }
    if (!take_message(p, message, (msg.msg_flags & MSG_TRUNC) != 0 ? 0 : (size_t)len, fds,
                      received_fds(&msg, fds), now_ms)) {
        /*
         * The inherited channel is shared: one bad message of one process must
         * not shut the others out. Elsewhere the sender speaks for itself alone.
         */
        dance_log(DANCE_LOG_DEBUG, "resolver: a malformed message was dropped");
        if (p->kind != CHANNEL)
            end(p);
    }
    return p->fd >= 0;
}

static void accept_all(struct peer *p)
{
    for (int i = 0; i < BATCH; i++) {
        int fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE)
                dance_log(DANCE_LOG_ERROR, "resolver: no descriptor is left for a connection");
            return;
        }
        (void)add(fd, CONNECTION);
    }
}

void peers_event(void *data, long long now_ms)
{
    struct peer *p = data;

    if (p->fd < 0)
        return;
    if (p->kind == LISTENER) {
        accept_all(p);
        return;
    }
    for (int i = 0; i < BATCH && p->fd >= 0; i++) {
        if (!receive(p, now_ms))
            return;
    }
}
