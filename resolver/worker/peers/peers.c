/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/peers/peers.h"

#include "log.h"
#include "owner_name.h"
#include "socket_kind.h"
#include "worker/chain/chains.h"
#include "worker/peers/accounts.h"
#include "worker/peers/allow_build.h"
#include "worker/peers/message.h"
#include "worker/peers/name_list.h"
#include "worker/peers/page.h"

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
/* The other processes of the same user are left something. */
#define PEERS_OF_A_PROCESS(max) ((max) / 4)
/* One, and another while a changed one takes its place; processes may share a number by namespaces.
 */
#define LISTS_OF_A_PROCESS 4u
#define LOG_INTERVAL_MS 10000

struct peer {
    struct lookups_asker asker; /* first, so that it is the peer's address */
    LIST_ENTRY(peer) all;
    int fd;                  /* -1: ended, to be buried */
    struct account *process; /* NULL: a control channel, which processes share */
    unsigned waiting;
    struct name_list *list; /* of names that are held as long as it lives, or NULL */
    bool orders;            /* the list of an allow_file is being made for it */
};

static LIST_HEAD(peer_list, peer) alive = LIST_HEAD_INITIALIZER(alive);
static struct peer_list dead = LIST_HEAD_INITIALIZER(dead);
static int epoll;
static struct peers_limits limit;
static peers_forget *forget;
static unsigned count;
static long long moment;   /* of the event that is handled */
static long long quiet_to; /* no line on running out of something before this */
static const struct dance_generation *page;
static struct figures *figures;
static char lists_event; /* stands for allow_build.h's descriptor in epoll's data */

void peers_open(int epoll_fd, struct peers_limits limits, const struct dance_generation *of_user,
                struct figures *counted, peers_forget *on_forget)
{
    struct epoll_event event = {.events = EPOLLIN};

    epoll = epoll_fd;
    limit = limits;
    page = of_user;
    figures = counted;
    forget = on_forget;
    event.data.ptr = &lists_event;
    (void)epoll_ctl(epoll, EPOLL_CTL_ADD, allow_build_open(), &event);
}

/* Running out repeats itself with every connection; a line now and then will do. */
static void log_sometimes(const char *text)
{
    if (moment < quiet_to)
        return;
    quiet_to = moment + LOG_INTERVAL_MS;
    dance_log(DANCE_LOG_ERROR, "resolver: %s", text);
}

/* Takes fd, also on failure. process: NULL for a control channel. */
static bool add(int fd, struct account *process)
{
    struct peer *p = count < limit.peers ? calloc(1, sizeof(*p)) : NULL;
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = p}};

    if (p == NULL || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        free(p);
        (void)close(fd);
        return false;
    }
    p->fd = fd;
    p->process = process;
    p->asker.account = process;
    LIST_INIT(&p->asker.waiting);
    LIST_INIT(&p->asker.chains);
    LIST_INIT(&p->asker.collecting);
    LIST_INSERT_HEAD(&alive, p, all);
    count++;
    return true;
}

/* A conversation is charged to the process that made its socket. */
static bool add_conversation(int fd)
{
    struct ucred who = {0};
    socklen_t size = sizeof(who);
    struct account *process;

    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
    process = account_join(who.pid);
    if (process != NULL && process->peers <= PEERS_OF_A_PROCESS(limit.peers) && add(fd, process))
        return true;
    if (process == NULL || process->peers > PEERS_OF_A_PROCESS(limit.peers))
        (void)close(fd);
    if (process != NULL)
        account_leave(process);
    return false;
}

static void end(struct peer *p)
{
    if (p->fd < 0)
        return;
    lookups_forget(&p->asker);
    chains_forget(&p->asker);
    collect_forget(&p->asker);
    if (p->orders)
        allow_build_forget(p);
    if (p->list != NULL) {
        name_list_close(p->list);
        p->process->lists--;
        p->list = NULL;
    }
    /* Not left to close(): the sender may keep a copy of the descriptor, and with it the event. */
    (void)epoll_ctl(epoll, EPOLL_CTL_DEL, p->fd, NULL);
    (void)close(p->fd);
    p->fd = -1;
    if (p->process != NULL) {
        p->process->waiting -= p->waiting;
        account_leave(p->process);
    }
    count--;
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
}

bool peers_add_control(int fd)
{
    if (add(fd, NULL))
        return true;
    log_sometimes("a control channel was turned away: too many conversations");
    return false;
}

unsigned peers_count(void)
{
    return count;
}

static enum dance_figure figure_of(enum dance_wire_status status)
{
    _Static_assert(DANCE_ANSWERED_BUSY - DANCE_ANSWERED_SECURE
                       == DANCE_WIRE_BUSY - DANCE_WIRE_SECURE,
                   "a figure for each status");
    return (enum dance_figure)(DANCE_ANSWERED_SECURE + (status - DANCE_WIRE_SECURE));
}

/* Send what p has asked for; len: 0 where it fits into no message. */
static void deliver(struct lookups_asker *asker, enum dance_wire_status status,
                    const uint8_t *message, size_t len)
{
    struct peer *p = (struct peer *)(void *)asker;

    p->waiting--;
    p->process->waiting--;
    figures_add(figures, figure_of(status), 1);
    if (len == 0 || send(p->fd, message, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len)
        end(p);
}

void peers_deliver(struct lookups_asker *asker, const struct dance_wire_answer *answer)
{
    static uint8_t message[DANCE_WIRE_MAX];

    deliver(asker, answer->status, message,
            dance_wire_encode_answer(answer, message, sizeof(message)));
}

void peers_deliver_collected(struct lookups_asker *asker,
                             const struct dance_wire_collected *collected)
{
    static uint8_t message[DANCE_WIRE_CHAIN_SIZE_MAX];

    deliver(asker, collected->status, message,
            dance_wire_encode_collected(collected, message, sizeof(message)));
}

/* p waits for one more. NULL, or why it is refused. */
static const char *begin_waiting(struct peer *p)
{
    bool room = p->waiting < WAITING_PER_PEER && p->process->waiting < limit.waiting_per_client;

    p->waiting++;
    p->process->waiting++;
    if (room)
        return NULL;
    lookups_refused();
    return "too many queries of this process are waiting";
}

/* chain: what query brings, or NULL. */
static void take_query(struct peer *p, const struct dance_wire_query *query,
                       const struct dance_wire_chain *chain, long long now_ms)
{
    const char *busy = begin_waiting(p);

    if (busy != NULL)
        waiters_refuse(&p->asker, query->id, DANCE_WIRE_BUSY, 0, busy);
    else if (chain != NULL)
        chains_ask(&p->asker, chain, now_ms);
    else
        lookups_ask(&p->asker, query, now_ms);
}

static void take_collect(struct peer *p, const struct dance_wire_query *query, long long now_ms)
{
    const char *busy = begin_waiting(p);

    if (busy != NULL)
        collect_refuse(&p->asker, query->id, DANCE_WIRE_BUSY, 0, busy);
    else
        collect_ask(&p->asker, query, now_ms);
}

/*
 * A descriptor that came over a control channel: only a socket of the right kind is taken. One
 * whose other end has a name may be the end of a control channel, which has the listener's. With
 * both ends here nobody else would have one, and neither would ever end. (Of both ends of a
 * conversation the first to come ends by the page that the second is sent.)
 */
static void take_conversation(int fd)
{
    if (!socket_is_ours(fd, false) || socket_peer_has_name(fd) || !page_send(fd, page))
        (void)close(fd);
    else if (!add_conversation(fd))
        log_sometimes("a client was turned away: too many conversations");
}

/*
 * A list of names to be held, of which a conversation may send one. false: it
 * is not acceptable, and fd stays the caller's.
 */
static bool take_list(struct peer *p, int fd)
{
    if (p->list != NULL || p->process->lists >= LISTS_OF_A_PROCESS)
        return false;
    p->list = name_list_open(fd, p);
    if (p->list == NULL)
        return false;
    p->process->lists++;
    return true;
}

static void on_list_made(void *owner, int list, const char *why)
{
    struct peer *p = owner;

    p->orders = false;
    if (!allow_build_send(p->fd, list, why))
        end(p);
}

/* An allow_file, of whose list a conversation may order one at a time. false: as above. */
static bool take_order(struct peer *p, int fd)
{
    if (p->orders || !allow_build_ask(fd, p))
        return false;
    p->orders = true;
    return true;
}

static void on_list_read(void *owner, bool good)
{
    if (!good)
        end(owner);
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

static bool is_bare(const struct message *m, enum dance_wire_type type)
{
    return m->len == DANCE_WIRE_HEADER && dance_wire_type(m->octets, m->len) == (int)type;
}

/*
 * Act on m, which came over a control channel. It is shared: one bad message of one
 * process must not shut the others out.
 */
static bool take_of_channel(struct message *m)
{
    struct dance_wire_counts counts;

    if (m->fd_count == 0 && is_bare(m, DANCE_WIRE_FORGET)) {
        forget();
        return true;
    }
    if (m->fd_count == 0 && dance_wire_decode_counts(m->octets, m->len, &counts)) {
        figures_count(figures, &counts);
        return true;
    }
    if (m->fd_count != 1 || !is_bare(m, DANCE_WIRE_CONVERSATION))
        return false;
    m->fd_count = 0;
    take_conversation(m->fds[0]);
    return true;
}

/* Act on m, which came over a conversation. false: p may not send such a message. */
static bool take_of_conversation(struct peer *p, struct message *m, long long now_ms)
{
    struct dance_wire_query query;
    struct dance_wire_chain chain;
    const char *name;
    size_t name_len;

    if (m->fd_count == 1
        && ((is_bare(m, DANCE_WIRE_HOLD) && take_list(p, m->fds[0]))
            || (is_bare(m, DANCE_WIRE_ALLOW_FILE) && take_order(p, m->fds[0])))) {
        m->fd_count = 0;
        return true;
    }
    if (m->fd_count > 0)
        return false;
    if (dance_wire_decode_wanted(m->octets, m->len, &name, &name_len)
        && dance_owner_name_fault(name, name_len) == NULL) {
        lookups_want(name, name_len, now_ms);
        return true;
    }
    if (dance_wire_decode_chain(m->octets, m->len, &chain)
        && dance_owner_name_fault(chain.query.name, chain.query.name_len) == NULL) {
        take_query(p, &chain.query, &chain, now_ms);
        return true;
    }
    if (dance_wire_decode_collect(m->octets, m->len, &query)
        && dance_owner_name_fault(query.name, query.name_len) == NULL) {
        take_collect(p, &query, now_ms);
        return true;
    }
    if (!dance_wire_decode_query(m->octets, m->len, &query)
        || dance_owner_name_fault(query.name, query.name_len) != NULL)
        return false;
    take_query(p, &query, NULL, now_ms);
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
    ok = p->process == NULL ? take_of_channel(&m) : take_of_conversation(p, &m, now_ms);
    message_close_fds(&m);
    if (!ok) {
        dance_log(DANCE_LOG_DEBUG, "resolver: a malformed message was dropped");
        if (p->process != NULL)
            end(p);
    }
    return p->fd >= 0;
}

void peers_event(void *data, long long now_ms)
{
    struct peer *p = data;

    moment = now_ms;
    if (data == &lists_event) {
        allow_build_tell(on_list_made);
        return;
    }
    if (p->fd < 0)
        return;
    for (int i = 0; i < BATCH; i++) {
        if (!receive(p, now_ms))
            return;
    }
}
