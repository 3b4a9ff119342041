/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/peers/peers.h"

#include "log.h"
#include "owner_name.h"
#include "supervisor/sockets.h"
#include "worker/peers/accounts.h"
#include "worker/peers/closing.h"
#include "worker/peers/message.h"
#include "worker/peers/name_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAITING_PER_PEER 64u
/* Messages of one peer in a row, so that a flood of one does not starve the others. */
#define BATCH 32
/* A shared resolver keeps something for the other processes and the other users. */
#define PEERS_OF_A_PROCESS(max) ((max) / 4)
#define PEERS_OF_A_USER(max) ((max) / 2)
/* One, and another while a changed one takes its place; processes may share a number by namespaces.
 */
#define LISTS_OF_A_PROCESS 4u
/* That wait to be read. Who is turned away, such as a server's many workers, comes again. */
#define LISTS_OF_A_USER 64u
#define LOG_INTERVAL_MS 10000

enum kind {
    LISTENER,
    CHANNEL,     /* inherited control channel, shared by the application's processes */
    CONNECTION,  /* accepted: a control channel on which queries are answered, too */
    CONVERSATION /* came over a control channel */
};

struct peer {
    struct lookups_asker asker; /* first, so that it is the peer's address */
    LIST_ENTRY(peer) all;
    int fd; /* -1: ended, to be buried */
    enum kind kind;
    unsigned waiting;
    struct account *process;
    struct account *user;
    struct name_list *list; /* of names that are held as long as it lives, or NULL */
    bool list_waits;        /* to be read */
};

static LIST_HEAD(peer_list, peer) alive = LIST_HEAD_INITIALIZER(alive);
static struct peer_list dead = LIST_HEAD_INITIALIZER(dead);
static int epoll;
static struct peers_limits limit;
static unsigned count;
static bool shared;        /* there is a listener: strangers use the same resolver */
static int reserve = -1;   /* a descriptor to give up when there is no other */
static long long moment;   /* of the event that is handled */
static long long quiet_to; /* no line on running out of something before this */

void peers_open(int epoll_fd, struct peers_limits limits)
{
    epoll = epoll_fd;
    limit = limits;
    reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Running out repeats itself with every connection; a line now and then will do. */
static void log_sometimes(const char *text)
{
    if (moment < quiet_to)
        return;
    quiet_to = moment + LOG_INTERVAL_MS;
    dance_log(DANCE_LOG_ERROR, "resolver: %s", text);
}

static void leave(struct peer *p)
{
    if (p->process != NULL)
        account_leave(p->process);
    if (p->user != NULL)
        account_leave(p->user);
}

/*
 * Charge p, with the socket fd, to a process and a user. On an accepted
 * connection these are the ones that connected, for what comes over it too: a
 * descriptor that is handed over might be connected to somebody else. The
 * inherited channel does not know its senders, but all are one application.
 */
static bool join(struct peer *p, int fd, const struct peer *via)
{
    struct ucred who = {0};
    socklen_t size = sizeof(who);

    if (via != NULL && via->kind == CONNECTION) {
        who.pid = (pid_t)via->process->id;
        who.uid = via->user->id;
    } else {
        (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
    }
    p->process = account_join(ACCOUNT_PROCESS, (unsigned)who.pid);
    p->user = account_join(ACCOUNT_USER, who.uid);
    if (p->process == NULL || p->user == NULL)
        return false;
    if (!shared)
        return true;
    return p->process->peers <= PEERS_OF_A_PROCESS(limit.peers)
           && (who.uid == 0 || p->user->peers <= PEERS_OF_A_USER(limit.peers));
}

/* Takes fd, also on failure. */
static int add(int fd, enum kind kind, const struct peer *via)
{
    struct peer *p = count < limit.peers ? calloc(1, sizeof(*p)) : NULL;
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = p}};

    if (p == NULL || !join(p, fd, via) || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        log_sometimes("a client was turned away: too many connections");
        if (p != NULL)
            leave(p);
        free(p);
        closing_close(fd);
        return 0;
    }
    p->fd = fd;
    p->kind = kind;
    p->asker.account = p->process;
    LIST_INIT(&p->asker.waiting);
    LIST_INSERT_HEAD(&alive, p, all);
    count += kind != LISTENER;
    return 1;
}

static void list_is_read(struct peer *p)
{
    p->user->lists_waiting -= p->list_waits;
    p->list_waits = false;
}

static void end(struct peer *p)
{
    if (p->fd < 0)
        return;
    lookups_forget(&p->asker);
    if (p->list != NULL) {
        list_is_read(p);
        name_list_close(p->list);
        p->process->lists--;
        p->list = NULL;
    }
    /* Not left to close(): the sender may keep a copy of the descriptor, and with it the event. */
    (void)epoll_ctl(epoll, EPOLL_CTL_DEL, p->fd, NULL);
    closing_close(p->fd);
    p->fd = -1;
    p->process->waiting -= p->waiting;
    leave(p);
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
    while (name_lists_have_work())
        peers_work(moment);
    peers_bury();
    if (reserve >= 0)
        (void)close(reserve);
    reserve = -1;
}

int peers_add_listener(int fd)
{
    shared = true;
    return add(fd, LISTENER, NULL);
}

int peers_add_control(int fd)
{
    return add(fd, CHANNEL, NULL);
}

unsigned peers_count(void)
{
    return count;
}

void peers_deliver(struct lookups_asker *asker, const struct dance_wire_answer *answer)
{
    static uint8_t message[DANCE_WIRE_MAX];
    struct peer *p = (struct peer *)(void *)asker;
    size_t len = dance_wire_encode_answer(answer, message, sizeof(message));

    p->waiting--;
    p->process->waiting--;
    if (len == 0 || send(p->fd, message, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len)
        end(p);
}

static void take_query(struct peer *p, const struct dance_wire_query *query, long long now_ms)
{
    static const char busy[] = "too many queries of this process are waiting";
    struct dance_wire_answer answer = {
        .id = query->id, .status = DANCE_WIRE_BUSY, .reason = busy, .reason_len = sizeof(busy) - 1};
    bool too_many =
        p->waiting >= WAITING_PER_PEER || p->process->waiting >= limit.waiting_per_client;

    p->waiting++;
    p->process->waiting++;
    if (too_many) {
        lookups_refused();
        peers_deliver(&p->asker, &answer);
        return;
    }
    lookups_ask(&p->asker, query, now_ms);
}

/* A descriptor that came over p, a control channel: only a socket of the right kind is taken. */
static void take_conversation(const struct peer *p, int fd)
{
    if (socket_is_ours(fd, false))
        (void)add(fd, CONVERSATION, p);
    else
        closing_close(fd);
}

/*
 * A list of names to be held, of which a conversation may send one. false: it
 * is not acceptable, and fd stays the caller's.
 */
static bool take_list(struct peer *p, int fd)
{
    if (p->list != NULL || p->process->lists >= LISTS_OF_A_PROCESS)
        return false;
    if (shared && p->user->id != 0 && p->user->lists_waiting >= LISTS_OF_A_USER) {
        log_sometimes("a list of names was turned away: too many of its user wait to be read");
        return false;
    }
    p->list = name_list_open(fd, p);
    if (p->list == NULL)
        return false;
    p->process->lists++;
    p->user->lists_waiting++;
    p->list_waits = true;
    return true;
}

static void on_list_read(void *owner, bool good)
{
    struct peer *p = owner;

    list_is_read(p);
    if (!good)
        end(p);
}

void peers_work(long long now_ms)
{
    moment = now_ms;
    name_lists_work(now_ms, on_list_read);
}

bool peers_have_work(void)
{
    return name_lists_have_work();
}

/* Act on m, whose descriptors are taken or closed. false: p may not send such a message. */
static bool take_message(struct peer *p, struct message *m, long long now_ms)
{
    struct dance_wire_query query;
    const char *name;
    size_t name_len;

    if (p->kind != CONVERSATION && m->fd_count == 1 && m->len == DANCE_WIRE_HEADER
        && dance_wire_type(m->octets, m->len) == DANCE_WIRE_CONVERSATION) {
        m->fd_count = 0;
        take_conversation(p, m->fds[0]);
        return true;
    }
    if (p->kind != CHANNEL && m->fd_count == 1 && m->len == DANCE_WIRE_HEADER
        && dance_wire_type(m->octets, m->len) == DANCE_WIRE_HOLD) {
        if (!take_list(p, m->fds[0]))
            return false;
        m->fd_count = 0;
        return true;
    }
    if (p->kind != CHANNEL && m->fd_count == 0
        && dance_wire_decode_wanted(m->octets, m->len, &name, &name_len)
        && dance_owner_name_fault(name, name_len) == NULL) {
        lookups_want(name, name_len, now_ms);
        return true;
    }
    if (p->kind == CHANNEL || m->fd_count > 0 || !dance_wire_decode_query(m->octets, m->len, &query)
        || dance_owner_name_fault(query.name, query.name_len) != NULL)
        return false;
    take_query(p, &query, now_ms);
    return true;
}

/* Handle one message. false: there is none now, or the peer has ended. */
static bool receive(struct peer *p, long long now_ms)
{
    struct message m;
    enum message_status status = message_receive(p->fd, &m);
    bool ok;

    if (status == MESSAGE_NONE)
        return false;
    if (status == MESSAGE_END) {
        end(p);
        return false;
    }
    ok = take_message(p, &m, now_ms);
    message_close_fds(&m);
    if (!ok) {
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

/*
 * Without a descriptor to spare the listener would stay readable and epoll
 * return at once, for ever. The reserve takes the connection in and turns it
 * away; its client is told by the end of the connection.
 */
static void turn_away(int listener)
{
    int fd;

    log_sometimes("no descriptor is left for a connection");
    if (reserve < 0)
        return;
    (void)close(reserve);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        closing_close(fd);
    reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void accept_some(struct peer *p)
{
    for (int i = 0; i < BATCH; i++) {
        int fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0)
            (void)add(fd, CONNECTION, NULL);
        else if (errno == EMFILE || errno == ENFILE)
            turn_away(p->fd);
        else if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

void peers_event(void *data, long long now_ms)
{
    struct peer *p = data;

    moment = now_ms;
    if (p->fd < 0)
        return;
    if (p->kind == LISTENER) {
        accept_some(p);
        return;
    }
    for (int i = 0; i < BATCH; i++) {
        if (!receive(p, now_ms))
            return;
    }
}
