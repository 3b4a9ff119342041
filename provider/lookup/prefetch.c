/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "lookup/prefetch.h"

#include "dance_wire.h"
#include "files/allow.h"
#include "log.h"
#include "lookup/channel.h"
#include "patterns.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define INTERVAL_MS 1000

/* A sealed memfd with this text, or -1. */
static int make_memfd(const char *text, size_t len)
{
    int fd = memfd_create("dance-prefetch", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    size_t done = 0;

    while (fd >= 0 && done < len) {
        ssize_t n = write(fd, text + done, len - done);

        if (n <= 0 && (n == 0 || errno != EINTR))
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0
        && (done < len
            || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
                   != 0)) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* What the operator allows, in the configuration and in a file: each is held by itself. */
enum source { OF_CONFIG, OF_FILE };
#define SOURCES 2

/* Of one process. */
struct offer {
    pthread_mutex_t lock;               /* never waited for */
    struct dance_kept_fd list[SOURCES]; /* the conversation over which it was sent, and is held */
    struct dance_allow_file *file;      /* what was sent */
    _Atomic long long due_ms;           /* when to see whether it is held, and has changed */
};

static void *make_offer(const void *parents)
{
    const struct offer *parent = parents;
    struct offer *offer = OPENSSL_zalloc(sizeof(*offer));

    if (offer == NULL)
        return NULL;
    (void)pthread_mutex_init(&offer->lock, NULL);
    for (int i = 0; i < SOURCES; i++)
        offer->list[i] =
            parent != NULL ? parent->list[i] : (struct dance_kept_fd)DANCE_KEPT_FD_NONE;
    offer->file = parent != NULL ? dance_allow_file_up_ref(parent->file) : NULL;
    return offer;
}

static void discard_offer(void *object)
{
    struct offer *offer = object;

    (void)pthread_mutex_destroy(&offer->lock);
    dance_allow_file_free(offer->file);
    OPENSSL_free(offer);
}

static const struct dance_slot slot = {make_offer, discard_offer};

/* With the lock held: send this list over a conversation, and keep that. memfd: what it is in, if
 * it still is. */
static void send_list(struct dance_kept_fd *held, const struct dance_patterns *patterns,
                      struct dance_kept_fd memfd)
{
    struct dance_kept_fd conversation = DANCE_KEPT_FD_NONE;
    char why[512] = "no memory for them";
    size_t len, names;
    const char *text = dance_patterns_names(patterns, &len, &names);
    int fd = dance_kept_fd_valid(&memfd) ? memfd.fd : make_memfd(text, len);

    if (fd >= 0)
        conversation = dance_conversation_take(false, 0, why, sizeof(why));
    if (conversation.fd >= 0 && !dance_channel_send(conversation.fd, DANCE_WIRE_HOLD, fd)) {
        (void)snprintf(why, sizeof(why), "the resolver ended");
        dance_kept_fd_close(&conversation);
    }
    if (fd >= 0 && fd != memfd.fd)
        (void)close(fd);
    /* Only now, so that names on both lists are held without a gap. */
    dance_kept_fd_close(held);
    *held = conversation;
    if (conversation.fd < 0) {
        dance_log(DANCE_LOG_DEBUG, "the names to look up ahead were not sent: %s", why);
        return;
    }
    dance_log(DANCE_LOG_DEBUG, "sent %zu names to look up ahead", names);
    if (names > DANCE_WIRE_LIST_NAMES_MAX)
        dance_log(DANCE_LOG_ERROR, "server.prefetch: %zu names are not looked up ahead: %s",
                  names - DANCE_WIRE_LIST_NAMES_MAX, "there are too many");
}

/*
 * The conversation is ours, and the resolver at its other end: it says nothing on it but for the
 * page at its begin, which does not matter here.
 */
static bool is_held(const struct dance_kept_fd *conversation)
{
    struct pollfd one = {conversation->fd, POLLIN | POLLRDHUP, 0};

    return dance_kept_fd_valid(conversation)
           && (poll(&one, 1, 0) == 0 || (one.revents & (POLLRDHUP | POLLHUP | POLLERR)) == 0);
}

static bool has_names(const struct dance_patterns *patterns)
{
    size_t len, names;

    (void)dance_patterns_names(patterns, &len, &names);
    return names > 0;
}

/* With the lock held. */
static void offer_config(struct offer *offer)
{
    const struct dance_patterns *allow = dance_config()->allow;
    const struct dance_kept_fd nowhere = DANCE_KEPT_FD_NONE;

    if (allow != NULL && has_names(allow) && !is_held(&offer->list[OF_CONFIG]))
        send_list(&offer->list[OF_CONFIG], allow, nowhere);
}

/* With the lock held. */
static void offer_file(struct offer *offer)
{
    struct dance_allow_file *file = dance_allow_file_get();

    if (file == NULL
        || (file == offer->file
            && (is_held(&offer->list[OF_FILE]) || !has_names(dance_allow_file_patterns(file))))) {
        dance_allow_file_free(file);
        return;
    }
    if (has_names(dance_allow_file_patterns(file)))
        send_list(&offer->list[OF_FILE], dance_allow_file_patterns(file),
                  dance_allow_file_memfd(file));
    else
        dance_kept_fd_close(&offer->list[OF_FILE]);
    dance_allow_file_free(offer->file);
    offer->file = file;
}

void dance_prefetch_offer(void)
{
    struct offer *offer = dance_config()->prefetch ? dance_process_object(&slot) : NULL;
    long long now = dance_now_ms();

    if (offer == NULL || now < atomic_load(&offer->due_ms)
        || pthread_mutex_trylock(&offer->lock) != 0)
        return;
    atomic_store(&offer->due_ms, now + INTERVAL_MS);
    offer_config(offer);
    offer_file(offer);
    (void)pthread_mutex_unlock(&offer->lock);
}
