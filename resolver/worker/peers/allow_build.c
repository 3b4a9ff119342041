/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/peers/allow_build.h"

#include "dance_wire.h"
#include "fd_message.h"
#include "pattern_file.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAITING_MAX 256u
/* Lists that are kept; the one that was not asked for the longest time goes. */
#define KEPT_MAX 4u

struct job {
    TAILQ_ENTRY(job) next;
    void *owner; /* NULL: it has ended */
    int file;
    int list; /* a copy of its own, or -1 */
    char why[DANCE_PATTERN_FILE_WHY_MAX];
};
TAILQ_HEAD(jobs, job);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* never held while a file is touched */
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static struct jobs waiting = TAILQ_HEAD_INITIALIZER(waiting);
static struct jobs done = TAILQ_HEAD_INITIALIZER(done);
static struct job *at_work; /* what the thread is about; its file and list are the thread's alone */
static unsigned count;
static int event = -1;

struct kept {
    struct dance_file_stamp stamp;
    int list; /* -1: none */
};

/* The thread's own, the last one first. */
static struct kept kept[KEPT_MAX];

static int find(const struct dance_file_stamp *stamp)
{
    for (size_t i = 0; i < KEPT_MAX; i++) {
        struct kept found = kept[i];

        if (found.list < 0 || dance_file_stamp_differs(&found.stamp, stamp))
            continue;
        memmove(&kept[1], &kept[0], i * sizeof(kept[0]));
        kept[0] = found;
        return found.list;
    }
    return -1;
}

static void keep(const struct dance_file_stamp *stamp, int list)
{
    if (kept[KEPT_MAX - 1].list >= 0)
        (void)close(kept[KEPT_MAX - 1].list);
    memmove(&kept[1], &kept[0], (KEPT_MAX - 1) * sizeof(kept[0]));
    kept[0].stamp = *stamp;
    kept[0].list = list;
}

static void make(struct job *job)
{
    struct dance_file_stamp stamp;
    struct stat st;
    int list = -1;

    if (fstat(job->file, &st) == 0) {
        stamp = dance_file_stamp_of(&st);
        list = find(&stamp);
    }
    if (list < 0) {
        list = dance_pattern_file_read(job->file, &stamp, job->why);
        if (list >= 0)
            keep(&stamp, list);
    }
    (void)close(job->file);
    if (list >= 0)
        job->list = fcntl(list, F_DUPFD_CLOEXEC, 0);
    if (list >= 0 && job->list < 0)
        memcpy(job->why, "no descriptor", sizeof("no descriptor"));
}

static void *work(void *arg)
{
    const uint64_t one = 1;

    (void)pthread_mutex_lock(&lock);
    for (;;) {
        while (TAILQ_EMPTY(&waiting))
            (void)pthread_cond_wait(&more, &lock);
        at_work = TAILQ_FIRST(&waiting);
        TAILQ_REMOVE(&waiting, at_work, next);
        (void)pthread_mutex_unlock(&lock);
        make(at_work);
        (void)pthread_mutex_lock(&lock);
        TAILQ_INSERT_TAIL(&done, at_work, next);
        at_work = NULL;
        (void)!write(event, &one, sizeof(one));
    }
    return arg;
}

int allow_build_open(void)
{
    for (size_t i = 0; i < KEPT_MAX; i++)
        kept[i].list = -1;
    event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return event;
}

/* With the lock held. */
static bool have_thread(void)
{
    static bool started;
    pthread_t thread;

    if (!started && pthread_create(&thread, NULL, work, NULL) == 0) {
        (void)pthread_detach(thread);
        started = true;
    }
    return started;
}

bool allow_build_ask(int fd, void *owner)
{
    struct job *job = event >= 0 ? calloc(1, sizeof(*job)) : NULL;
    bool taken;

    (void)pthread_mutex_lock(&lock);
    taken = job != NULL && count < WAITING_MAX && have_thread();
    if (taken) {
        count++;
        job->owner = owner;
        job->file = fd;
        job->list = -1;
        TAILQ_INSERT_TAIL(&waiting, job, next);
        (void)pthread_cond_signal(&more);
    }
    (void)pthread_mutex_unlock(&lock);
    if (!taken)
        free(job);
    return taken;
}

static void forget_in(const struct jobs *jobs, const void *owner)
{
    struct job *job;

    TAILQ_FOREACH(job, jobs, next)
    {
        // cppcheck-suppress uninitvar ; TAILQ_FOREACH sets it
        if (job->owner == owner)
            job->owner = NULL;
    }
}

void allow_build_forget(void *owner)
{
    (void)pthread_mutex_lock(&lock);
    forget_in(&waiting, owner);
    forget_in(&done, owner);
    if (at_work != NULL && at_work->owner == owner)
        at_work->owner = NULL;
    (void)pthread_mutex_unlock(&lock);
}

static struct job *take_done(void)
{
    struct job *job;

    (void)pthread_mutex_lock(&lock);
    job = TAILQ_FIRST(&done);
    if (job != NULL) {
        TAILQ_REMOVE(&done, job, next);
        count--;
    }
    (void)pthread_mutex_unlock(&lock);
    return job;
}

void allow_build_tell(allow_build_told *told)
{
    uint64_t events;
    struct job *job;

    (void)!read(event, &events, sizeof(events));
    while ((job = take_done()) != NULL) {
        if (job->owner != NULL)
            told(job->owner, job->list, job->why);
        if (job->list >= 0)
            (void)close(job->list);
        free(job);
    }
}

bool allow_build_send(int conversation, int list, const char *why)
{
    uint8_t message[DANCE_WIRE_ALLOW_LIST_MAX];
    size_t len = dance_wire_encode_allow_list(list >= 0 ? "" : why, message, sizeof(message));

    if (list >= 0)
        return dance_send_fd(conversation, message, len, list);
    return send(conversation, message, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}
