/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "lookup/prefetch.h"

#include "dance_wire.h"
#include "files/allow.h"
#include "log.h"
#include "lookup/channel.h"
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

struct list {
    char *text;
    size_t len;
    size_t room;
    size_t names;
    size_t left_out;
};

static void add_name(struct list *list, const char *name)
{
    size_t len = strlen(name);

    if (list->names == DANCE_WIRE_LIST_NAMES_MAX || list->len + len + 1 > list->room) {
        list->left_out++;
        return;
    }
    memcpy(list->text + list->len, name, len);
    list->text[list->len + len] = '\n';
    list->len += len + 1;
    list->names++;
}

static void add_all(struct list *list, const struct dance_patterns *patterns)
{
    const char *name;
    size_t at = 0;

    while (patterns != NULL && (name = dance_patterns_next_name(patterns, &at)) != NULL)
        add_name(list, name);
}

/* Octets that the names of these patterns take at the most. */
static size_t size_of(const struct dance_patterns *patterns)
{
    const char *name;
    size_t at = 0;
    size_t size = 0;

    while (patterns != NULL && (name = dance_patterns_next_name(patterns, &at)) != NULL)
        size += strlen(name) + 1;
    return size;
}

/* A sealed memfd with the list, or -1. */
static int make_memfd(const struct list *list)
{
    int fd = memfd_create("dance-prefetch", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    size_t done = 0;

    while (fd >= 0 && done < list->len) {
        ssize_t n = write(fd, list->text + done, list->len - done);

        if (n <= 0 && (n == 0 || errno != EINTR))
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0
        && (done < list->len
            || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
                   != 0)) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* Of one process. */
struct offer {
    pthread_mutex_t lock;          /* never waited for */
    struct dance_kept_fd list;     /* the conversation over which it was sent, and is held */
    struct dance_allow_file *file; /* what was sent */
    _Atomic long long due_ms;      /* when to see whether it is held, and has changed */
};

static void *make_offer(const void *parents)
{
    const struct offer *parent = parents;
    struct offer *offer = OPENSSL_zalloc(sizeof(*offer));

    if (offer == NULL)
        return NULL;
    (void)pthread_mutex_init(&offer->lock, NULL);
    offer->list = parent != NULL ? parent->list : (struct dance_kept_fd)DANCE_KEPT_FD_NONE;
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

/* With list_lock held: send what is allowed now over a conversation, and keep that. */
static void send_list(struct offer *offer, struct dance_allow_file *file)
{
    const struct dance_patterns *of_file = file != NULL ? dance_allow_file_patterns(file) : NULL;
    struct list list = {.room = size_of(dance_config()->allow) + size_of(of_file)};
    struct dance_kept_fd conversation = DANCE_KEPT_FD_NONE;
    char why[512] = "";
    int fd = -1;

    if (list.room > DANCE_WIRE_LIST_MAX)
        list.room = DANCE_WIRE_LIST_MAX;
    list.text = OPENSSL_malloc(list.room + 1);
    if (list.text != NULL) {
        add_all(&list, dance_config()->allow);
        add_all(&list, of_file);
        fd = make_memfd(&list);
    }
    OPENSSL_free(list.text);
    if (fd >= 0) {
        conversation = dance_conversation_take(false, 0, why, sizeof(why));
        if (conversation.fd >= 0 && !dance_channel_send(conversation.fd, DANCE_WIRE_HOLD, fd))
            dance_kept_fd_close(&conversation);
        (void)close(fd);
    }
    /* Only now, so that names on both lists are held without a gap. */
    dance_kept_fd_close(&offer->list);
    offer->list = conversation;
    if (conversation.fd < 0) {
        dance_log(DANCE_LOG_DEBUG, "the names to look up ahead were not sent: %s", why);
        return;
    }
    dance_log(DANCE_LOG_DEBUG, "sent %zu names to look up ahead", list.names);
    if (list.left_out > 0)
        dance_log(DANCE_LOG_ERROR, "server.prefetch: %zu names are not looked up ahead: %s",
                  list.left_out, "there are too many");
}

/* The conversation is ours, and the resolver at its other end. */
static bool held(const struct dance_kept_fd *conversation)
{
    struct pollfd one = {conversation->fd, POLLIN, 0};

    return dance_kept_fd_valid(conversation) && poll(&one, 1, 0) == 0;
}

void dance_prefetch_offer(void)
{
    struct offer *offer = dance_config()->prefetch ? dance_process_object(&slot) : NULL;
    struct dance_allow_file *file;
    long long now = dance_now_ms();

    if (offer == NULL || now < atomic_load(&offer->due_ms)
        || pthread_mutex_trylock(&offer->lock) != 0)
        return;
    atomic_store(&offer->due_ms, now + INTERVAL_MS);
    file = dance_allow_file_get();
    if (!held(&offer->list) || file != offer->file) {
        send_list(offer, file);
        dance_allow_file_free(offer->file);
        offer->file = dance_allow_file_up_ref(file);
    }
    dance_allow_file_free(file);
    (void)pthread_mutex_unlock(&offer->lock);
}
