/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "files/allow.h"

#include "log.h"
#include "lookup/order.h"
#include "pattern_file.h"
#include "patterns.h"
#include "process.h"
#include "stamp.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Read within a handshake: less than a millisecond. */
#define AT_ONCE_MAX ((off_t)64 * 1024)
/* A list that the resolver does not make in this time is ordered again. */
#define ORDER_MAX_MS 60000
/* A faulty file that stays as it is may have been one for want of memory. */
#define REFUSED_MS 60000
/* A match may bring some hundred kilobytes of the list into the memory of the process. */
#define MATCHES_TO_REST 8
#define WHY_MAX 256

struct dance_allow_file {
    _Atomic int references;
    struct dance_patterns *patterns;
    struct dance_kept_fd memfd;
    struct dance_file_stamp stamp;
    _Atomic unsigned matches;
};

struct dance_allow_file *dance_allow_file_up_ref(struct dance_allow_file *file)
{
    if (file != NULL)
        (void)atomic_fetch_add(&file->references, 1);
    return file;
}

void dance_allow_file_free(struct dance_allow_file *file)
{
    if (file == NULL || atomic_fetch_sub(&file->references, 1) != 1)
        return;
    dance_patterns_free(file->patterns);
    dance_kept_fd_close(&file->memfd);
    OPENSSL_free(file);
}

/* Of one process. */
struct allowed {
    pthread_mutex_t lock; /* held while a short file is read again */
    struct dance_allow_file *file;
    long long looked_ms;                /* 0: never */
    struct dance_kept_fd order;         /* where a list is to come; its fd is -1: none is */
    struct dance_file_stamp ordered;    /* of this */
    long long ordered_ms;               /* then */
    struct dance_file_stamp refused;    /* this was faulty */
    long long refused_until_ms;         /* and is not read again before then */
    struct dance_file_stamp complained; /* said of this */
    char complaint[WHY_MAX];            /* the last one */
};

static void *make_allowed(const void *parents)
{
    const struct allowed *parent = parents;
    struct allowed *allowed = OPENSSL_zalloc(sizeof(*allowed));

    if (allowed == NULL)
        return NULL;
    (void)pthread_mutex_init(&allowed->lock, NULL);
    allowed->file = parent != NULL ? dance_allow_file_up_ref(parent->file) : NULL;
    allowed->order.fd = -1;
    return allowed;
}

static void discard_allowed(void *object)
{
    struct allowed *allowed = object;

    (void)pthread_mutex_destroy(&allowed->lock);
    dance_allow_file_free(allowed->file);
    OPENSSL_free(allowed);
}

static const struct dance_slot slot = {make_allowed, discard_allowed};

/* Once for each fault of what stands there. */
static void complain(struct allowed *allowed, const char *path,
                     const struct dance_file_stamp *stamp, const char *why)
{
    if (strcmp(allowed->complaint, why) == 0
        && !dance_file_stamp_differs(&allowed->complained, stamp))
        return;
    (void)snprintf(allowed->complaint, sizeof(allowed->complaint), "%s", why);
    allowed->complained = *stamp;
    dance_log(DANCE_LOG_ERROR, "server.allow_file = %s: %s%s", path, why,
              allowed->file != NULL ? "; the list before counts" : "");
}

static void refuse(struct allowed *allowed, const struct dance_file_stamp *stamp)
{
    allowed->refused = *stamp;
    allowed->refused_until_ms = dance_now_ms() + REFUSED_MS;
}

static bool is_refused(const struct allowed *allowed, const struct dance_file_stamp *stamp)
{
    return dance_now_ms() < allowed->refused_until_ms
           && !dance_file_stamp_differs(stamp, &allowed->refused);
}

/* The list in this memfd, which is taken, counts from now on. false: it is none. */
static bool adopt(struct allowed *allowed, const char *path, int memfd,
                  const struct dance_file_stamp *stamp)
{
    struct dance_allow_file *file = OPENSSL_zalloc(sizeof(*file));

    if (file == NULL) {
        (void)close(memfd);
        return false;
    }
    atomic_init(&file->references, 1);
    file->stamp = *stamp;
    file->patterns = dance_patterns_map(memfd);
    file->memfd = dance_kept_fd_keep(memfd);
    if (file->patterns == NULL) {
        dance_allow_file_free(file);
        return false;
    }
    dance_allow_file_free(allowed->file);
    allowed->file = file;
    *allowed->complaint = '\0';
    dance_log(DANCE_LOG_DEBUG, "read %zu patterns from %s", dance_patterns_count(file->patterns),
              path);
    return true;
}

/* Read the file here and now. */
static bool load(struct allowed *allowed, const char *path, const struct dance_file_stamp *seen,
                 char why[WHY_MAX])
{
    char fault[DANCE_PATTERN_FILE_WHY_MAX];
    struct dance_file_stamp stamp;
    int fd = dance_pattern_file_open(path);
    int memfd;

    if (fd < 0) {
        (void)snprintf(why, WHY_MAX, "it cannot be read: %s", strerror(errno));
        return false;
    }
    memfd = dance_pattern_file_read(fd, &stamp, fault);
    (void)close(fd);
    if (memfd < 0) {
        (void)snprintf(why, WHY_MAX, "%s", fault);
        refuse(allowed, seen);
        return false;
    }
    if (adopt(allowed, path, memfd, &stamp))
        return true;
    (void)snprintf(why, WHY_MAX, "no memory for its list");
    return false;
}

/* Let the resolver make the list of the file. */
static bool order(struct allowed *allowed, const char *path, char why[WHY_MAX])
{
    char failure[WHY_MAX] = "";
    struct stat st;
    int fd = dance_pattern_file_open(path);

    if (fd < 0 || fstat(fd, &st) != 0) {
        (void)snprintf(why, WHY_MAX, "it cannot be read: %s", strerror(errno));
    } else {
        allowed->ordered = dance_file_stamp_of(&st);
        allowed->ordered_ms = dance_now_ms();
        allowed->order = dance_order_send(fd, failure, sizeof(failure));
        if (allowed->order.fd >= 0)
            dance_log(DANCE_LOG_DEBUG, "ordered the list of %s", path);
        (void)snprintf(why, WHY_MAX, "the resolver, which is to read it, cannot be asked: %.180s",
                       failure);
    }
    if (fd >= 0)
        (void)close(fd);
    return allowed->order.fd >= 0;
}

/* See whether the list that was ordered has come. */
static void look_for_order(struct allowed *allowed, const char *path)
{
    char failure[WHY_MAX] = "";
    char why[WHY_MAX];
    int memfd;

    switch (dance_order_look(&allowed->order, &memfd, failure, sizeof(failure))) {
    case DANCE_ORDER_CAME:
        if (!adopt(allowed, path, memfd, &allowed->ordered))
            complain(allowed, path, &allowed->ordered, "no memory for its list");
        break;
    case DANCE_ORDER_REFUSED:
        refuse(allowed, &allowed->ordered);
        complain(allowed, path, &allowed->ordered, failure);
        break;
    case DANCE_ORDER_LOST:
        (void)snprintf(why, sizeof(why), "the resolver, which is to read it: %.200s", failure);
        complain(allowed, path, &allowed->ordered, why);
        break;
    case DANCE_ORDER_WAITS:
        if (dance_now_ms() - allowed->ordered_ms > ORDER_MAX_MS)
            dance_kept_fd_close(&allowed->order);
        break;
    }
}

/* See whether the file is another one than what counts, and begin to read it. */
static void look_at_file(struct allowed *allowed, const char *path)
{
    struct dance_file_stamp stamp;
    char why[WHY_MAX];
    bool ok;

    if (!dance_file_stamp(path, &stamp) || !dance_file_stamp_differs(&stamp, &allowed->file->stamp)
        || is_refused(allowed, &stamp))
        return;
    ok = stamp.size <= AT_ONCE_MAX ? load(allowed, path, &stamp, why) : order(allowed, path, why);
    if (!ok)
        complain(allowed, path, &stamp, why);
}

/* There is no list yet. */
static void look_for_first(struct allowed *allowed, const char *path)
{
    struct dance_file_stamp stamp;
    char why[WHY_MAX];

    (void)dance_file_stamp(path, &stamp);
    if (!is_refused(allowed, &stamp) && !load(allowed, path, &stamp, why))
        complain(allowed, path, &stamp, why);
}

/* With the lock held: bring the list up to date; the file is looked at once a second at the most.
 */
static void update(struct allowed *allowed, const char *path)
{
    long long now = dance_now_ms();

    if (allowed->order.fd >= 0)
        look_for_order(allowed, path);
    if (allowed->looked_ms != 0 && now - allowed->looked_ms < DANCE_FILES_INTERVAL_MS)
        return;
    allowed->looked_ms = now;
    if (allowed->file == NULL)
        look_for_first(allowed, path);
    else if (allowed->order.fd < 0)
        look_at_file(allowed, path);
}

/* The list as it is now, one reference for the caller; NULL when there is none. */
static struct dance_allow_file *current(struct allowed *allowed)
{
    struct dance_allow_file *file;

    (void)pthread_mutex_lock(&allowed->lock);
    update(allowed, dance_config()->allow_file);
    file = dance_allow_file_up_ref(allowed->file);
    (void)pthread_mutex_unlock(&allowed->lock);
    return file;
}

static struct allowed *allowed_here(void)
{
    return dance_config()->allow_file != NULL ? dance_process_object(&slot) : NULL;
}

struct dance_allow_file *dance_allow_file_get(void)
{
    struct allowed *allowed = allowed_here();

    return allowed != NULL ? current(allowed) : NULL;
}

const struct dance_patterns *dance_allow_file_patterns(const struct dance_allow_file *file)
{
    return file->patterns;
}

struct dance_kept_fd dance_allow_file_memfd(const struct dance_allow_file *file)
{
    return file->memfd;
}

bool dance_allow_file_open(char *fault, size_t size)
{
    struct allowed *allowed = allowed_here();
    struct dance_allow_file *file;
    bool ok;

    if (dance_config()->allow_file == NULL)
        return true;
    file = allowed != NULL ? current(allowed) : NULL;
    ok = file != NULL;
    dance_allow_file_free(file);
    if (!ok)
        (void)snprintf(fault, size, "server.allow_file = %.256s: %s", dance_config()->allow_file,
                       allowed != NULL ? allowed->complaint : "out of memory");
    return ok;
}

static bool matches_file(struct dance_allow_file *file, const char *name, size_t len)
{
    bool match = dance_patterns_match(file->patterns, name, len);

    if (atomic_fetch_add(&file->matches, 1) % MATCHES_TO_REST == MATCHES_TO_REST - 1)
        dance_patterns_rest(file->patterns);
    return match;
}

bool dance_allowed(const char *name, size_t len)
{
    const struct dance_config *config = dance_config();
    struct dance_allow_file *file;
    bool match;

    if (config->allow != NULL && dance_patterns_match(config->allow, name, len))
        return true;
    file = dance_allow_file_get();
    match = file != NULL && matches_file(file, name, len);
    dance_allow_file_free(file);
    return match;
}
