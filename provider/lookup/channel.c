/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "lookup/channel.h"

#include "dance_wire.h"
#include "fd_message.h"
#include "log.h"
#include "lookup/spawn.h"
#include "lookup/waiting.h"
#include "process.h"
#include "uid.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A resolver that dies at once is not started in a loop: so many times in so many milliseconds. */
#define START_INTERVAL_MS 1000
#define STARTS_MAX 3
#define ARGUMENTS_MAX 20
/* How long to wait for room where nothing tells when there is some. */
#define AGAIN_MS 10

/*
 * build/provider/dance.so finds build/resolver/dance-resolver; an installed module, libexec. The
 * path is absolute, since the program is started in another folder.
 */
static void find_program(char out[PATH_MAX])
{
    char beside[PATH_MAX];
    Dl_info self;
    const char *slash;

    if (dladdr((void *)(size_t)&dance_channel_open, &self) != 0 && self.dli_fname != NULL) {
        slash = strrchr(self.dli_fname, '/');
        if (slash != NULL) {
            (void)snprintf(beside, sizeof(beside), "%.*s/../resolver/dance-resolver",
                           (int)(slash - self.dli_fname), self.dli_fname);
            if (access(beside, X_OK) == 0 && realpath(beside, out) != NULL)
                return;
        }
    }
    (void)snprintf(out, PATH_MAX, "%s", DANCE_RESOLVER_INSTALLED);
}

static void add(const char *argv[ARGUMENTS_MAX], size_t *count, const char *option,
                const char *value)
{
    if (value == NULL || *count + 3 > ARGUMENTS_MAX)
        return;
    argv[(*count)++] = option;
    argv[(*count)++] = value;
}

static int start(const struct dance_config *config, const char *program, char *why, size_t why_size)
{
    static const char *const targets[] = {"none", "stderr", "syslog", "syslog"};
    static const char *const levels[] = {"error", "info", "debug"};
    const char *argv[ARGUMENTS_MAX] = {program, "--channel", "3"};
    size_t count = 3;
    char *arguments[ARGUMENTS_MAX];
    char denial_ttl[16];
    int pair[2];
    int failure;

    add(argv, &count, "--trust-anchor", config->trust_anchor);
    add(argv, &count, "--forward", config->forward);
    add(argv, &count, "--unbound-config", config->unbound_config);
    (void)snprintf(denial_ttl, sizeof(denial_ttl), "%u", config->denial_ttl);
    add(argv, &count, "--denial-ttl", denial_ttl);
    add(argv, &count, "--log",
        config->log_target == DANCE_LOG_FILE ? config->log_file : targets[config->log_target]);
    add(argv, &count, "--log-level", levels[config->log_level]);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        (void)snprintf(why, why_size, "no socket: %s", strerror(errno));
        return -1;
    }
    /* execve() takes the strings as they are and changes none. */
    memcpy(arguments, argv, sizeof(arguments));
    failure = dance_spawn(arguments, pair[1]);
    (void)close(pair[1]);
    if (failure != 0) {
        (void)snprintf(why, why_size, "%s cannot be started: %s", program, strerror(failure));
        (void)close(pair[0]);
        return -1;
    }
    dance_log(DANCE_LOG_DEBUG, "started %s", program);
    return pair[0];
}

/* The uid that stands for everybody whom a user namespace does not know is nobody's own. */
static bool is_ours(uid_t uid)
{
    return uid == geteuid() && uid != dance_uid_of_unmapped();
}

/* A socket connected to the resolver at path, or -1; errno is EAGAIN where it is to be tried again.
 */
static int reach(const char *path, char *why, size_t why_size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);
    int failure = EACCES;
    int fd;

    errno = ENAMETOOLONG;
    if (strlen(path) >= sizeof(address.sun_path)) {
        (void)snprintf(why, why_size, "the socket path %s is too long", path);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        failure = errno;
        (void)snprintf(why, why_size, "%s: %s", path, strerror(failure));
    } else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0
               || (peer.uid != 0 && !is_ours(peer.uid))) {
        /* Whoever answers decides who is let in. With systemd it is root that listens. */
        (void)snprintf(why, why_size, "%s belongs to user %ld, neither root nor this process's own",
                       path, (long)peer.uid);
    } else {
        return fd;
    }
    if (fd >= 0)
        (void)close(fd);
    errno = failure;
    return -1;
}

#define IDLE_CONVERSATIONS 64

/* Of one process. */
struct channel {
    pthread_mutex_t lock; /* guards all of it; never held while waiting */
    struct dance_kept_fd control;
    struct dance_kept_fd idle[IDLE_CONVERSATIONS];
    size_t idle_count;
    long long started_ms;    /* when the resolver was first started in this interval; 0: never */
    unsigned starts;         /* how often since then */
    char start_failure[256]; /* why that failed; empty when it did not */
};

static void *make_channel(const void *parents)
{
    const struct channel *parent = parents;
    struct channel *c = OPENSSL_zalloc(sizeof(*c));

    if (c == NULL)
        return NULL;
    (void)pthread_mutex_init(&c->lock, NULL);
    /* It is checked before each use. */
    c->control = parent != NULL ? parent->control : (struct dance_kept_fd)DANCE_KEPT_FD_NONE;
    return c;
}

static void discard_channel(void *object)
{
    struct channel *c = object;

    (void)pthread_mutex_destroy(&c->lock);
    OPENSSL_free(c);
}

static const struct dance_slot slot = {make_channel, discard_channel};

enum had { HAD, HAS_NO_ROOM, CANNOT_BE_HAD };

/* With the lock held: a working control channel, made if need be. */
static enum had open_control(struct channel *c, bool fresh, char *why, size_t why_size)
{
    const struct dance_config *config = dance_config();
    const char *fault = dance_config_fault(config, DANCE_SECTION_DNS);
    const char *resolver = config->resolver;
    const char *others = dance_config_of_service(config);
    char program[PATH_MAX];
    struct stat st = {0};
    long long now = dance_now_ms();
    int fd;

    if (!fresh && dance_kept_fd_valid(&c->control))
        return HAD;
    if (fault != NULL) {
        (void)snprintf(why, why_size, "%s", fault);
        return CANNOT_BE_HAD;
    }
    if (c->started_ms == 0 || now - c->started_ms >= START_INTERVAL_MS) {
        c->started_ms = now;
        c->starts = 0;
    }
    if (c->starts == STARTS_MAX) {
        (void)snprintf(why, why_size, "%s",
                       *c->start_failure != '\0' ? c->start_failure
                                                 : "it ends as soon as it is started");
        return CANNOT_BE_HAD;
    }
    c->starts++;
    dance_kept_fd_close(&c->control);
    if (strcmp(resolver, "auto") == 0) {
        find_program(program);
        fd = start(config, program, why, why_size);
    } else if (stat(resolver, &st) == 0 && S_ISREG(st.st_mode)) {
        fd = start(config, resolver, why, why_size);
    } else if (st.st_mode != 0 && others != NULL) {
        /* The configuration was read before it was there to be seen. */
        (void)snprintf(why, why_size, "%s is a socket, to which %s means nothing", resolver,
                       others);
        errno = EINVAL;
        fd = -1;
    } else {
        fd = reach(resolver, why, why_size);
    }
    if (fd < 0 && errno == EAGAIN) {
        c->starts--;
        return HAS_NO_ROOM;
    }
    c->control = dance_kept_fd_keep(fd);
    (void)snprintf(c->start_failure, sizeof(c->start_failure), "%s", c->control.fd >= 0 ? "" : why);
    return c->control.fd >= 0 ? HAD : CANNOT_BE_HAD;
}

void dance_channel_open(void)
{
    struct channel *c = dance_process_object(&slot);
    char why[512] = "";
    bool ok;

    if (c == NULL)
        return;
    (void)pthread_mutex_lock(&c->lock);
    ok = dance_kept_fd_valid(&c->control)
         || (c->started_ms == 0 && open_control(c, false, why, sizeof(why)) == HAD);
    (void)pthread_mutex_unlock(&c->lock);
    if (!ok && *why != '\0')
        dance_log(DANCE_LOG_ERROR, "dance-resolver cannot be reached: %s", why);
}

bool dance_channel_send(int socket, enum dance_wire_type type, int fd)
{
    uint8_t message[DANCE_WIRE_HEADER];
    size_t len = dance_wire_encode_bare(type, message, sizeof(message));

    return dance_send_fd(socket, message, len, fd);
}

bool dance_channel_tell(const uint8_t *message, size_t len)
{
    struct channel *c = dance_process_object(&slot);
    bool told;

    if (c == NULL || pthread_mutex_trylock(&c->lock) != 0)
        return false;
    told = dance_kept_fd_valid(&c->control) && dance_send_fd(c->control.fd, message, len, -1);
    (void)pthread_mutex_unlock(&c->lock);
    return told;
}

/* Send one end of a new socketpair over the control channel; the other end, or -1. */
static int announce(int control)
{
    int pair[2];
    bool sent;
    int failure;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return -1;
    sent = dance_channel_send(control, DANCE_WIRE_CONVERSATION, pair[1]);
    failure = errno;
    (void)close(pair[1]);
    if (sent)
        return pair[0];
    (void)close(pair[0]);
    errno = failure;
    return -1;
}

/* With the lock held: an idle conversation that is still ours; its fd is -1 when there is none.
 */
static struct dance_kept_fd pop_idle(struct channel *c, bool fresh)
{
    struct dance_kept_fd conversation = DANCE_KEPT_FD_NONE;

    while (c->idle_count > 0) {
        conversation = c->idle[--c->idle_count];
        if (!fresh && dance_kept_fd_valid(&conversation))
            break;
        dance_kept_fd_close(&conversation);
    }
    return conversation;
}

struct dance_kept_fd dance_conversation_take_idle(void)
{
    struct dance_kept_fd conversation = DANCE_KEPT_FD_NONE;
    struct channel *c = dance_process_object(&slot);

    if (c == NULL)
        return conversation;
    (void)pthread_mutex_lock(&c->lock);
    conversation = pop_idle(c, false);
    (void)pthread_mutex_unlock(&c->lock);
    return conversation;
}

/* Whoever is at the other end of the control channel has gone. */
static bool is_dead(int failure)
{
    return failure == EPIPE || failure == ECONNRESET || failure == ENOTCONN
           || failure == ECONNREFUSED;
}

/* With the lock held: a new conversation in *fd, without waiting. */
static enum had make_conversation(struct channel *c, int *fd, char *why, size_t why_size)
{
    enum had had = open_control(c, false, why, why_size);

    if (had != HAD)
        return had;
    *fd = announce(c->control.fd);
    /* The resolver itself has gone, not a worker of its: start or reach a new one, once. */
    if (*fd < 0 && is_dead(errno)) {
        had = open_control(c, true, why, why_size);
        if (had != HAD)
            return had;
        *fd = announce(c->control.fd);
    }
    if (*fd >= 0)
        return HAD;
    (void)snprintf(why, why_size, "it takes no conversation: %s", strerror(errno));
    /* The queue is full, or its user has too many descriptors on the way. */
    return errno == EAGAIN || errno == ETOOMANYREFS ? HAS_NO_ROOM : CANNOT_BE_HAD;
}

/* Wait until there may be room again; false when the deadline has passed. No lock is held. */
static bool wait_for_room(struct dance_kept_fd control, long long deadline)
{
    const struct dance_kept_fd nothing = DANCE_KEPT_FD_NONE;
    long long now = dance_now_ms();

    if (now >= deadline)
        return false;
    if (!dance_kept_fd_valid(&control) || dance_wait_writable(control, now) == DANCE_WAITED_READY)
        (void)dance_wait_writable(nothing, now + AGAIN_MS < deadline ? now + AGAIN_MS : deadline);
    else
        (void)dance_wait_writable(control, deadline);
    return true;
}

struct dance_kept_fd dance_conversation_take(bool fresh, long long deadline, char *why,
                                             size_t why_size)
{
    struct dance_kept_fd conversation = DANCE_KEPT_FD_NONE;
    struct channel *c = dance_process_object(&slot);
    struct dance_kept_fd control;
    enum had had;
    int fd = -1;

    if (c == NULL) {
        (void)snprintf(why, why_size, "out of memory");
        return conversation;
    }
    do {
        had = HAD;
        (void)pthread_mutex_lock(&c->lock);
        conversation = pop_idle(c, fresh);
        if (conversation.fd < 0)
            had = make_conversation(c, &fd, why, why_size);
        control = c->control;
        (void)pthread_mutex_unlock(&c->lock);
    } while (had == HAS_NO_ROOM && wait_for_room(control, deadline));
    return fd >= 0 ? dance_kept_fd_keep(fd) : conversation;
}

void dance_conversation_give(struct dance_kept_fd conversation)
{
    struct channel *c = dance_process_object(&slot);
    bool kept = false;

    if (c != NULL) {
        (void)pthread_mutex_lock(&c->lock);
        if (c->idle_count < IDLE_CONVERSATIONS) {
            c->idle[c->idle_count++] = conversation;
            kept = true;
        }
        (void)pthread_mutex_unlock(&c->lock);
    }
    if (!kept)
        dance_kept_fd_close(&conversation);
}
