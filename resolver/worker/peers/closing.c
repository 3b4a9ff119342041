/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/peers/closing.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#define THREADS_MAX 64u
#define STACK_SIZE ((size_t)64 * 1024)
/* As many as the resolver has descriptors (main.c): each is in it once at the most. */
#define QUEUE_MAX 65536u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* never held while closing */
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static int queue[QUEUE_MAX]; /* a ring */
static unsigned first;
static unsigned queued;
static unsigned closing; /* taken by a thread */
static unsigned threads;
static unsigned idle; /* threads that wait for work */

static void *work(void *arg)
{
    (void)pthread_mutex_lock(&lock);
    for (;;) {
        int fd;

        idle++;
        while (queued == 0)
            (void)pthread_cond_wait(&more, &lock);
        idle--;
        fd = queue[first];
        first = (first + 1) % QUEUE_MAX;
        queued--;
        closing++;
        (void)pthread_mutex_unlock(&lock);
        (void)close(fd);
        (void)pthread_mutex_lock(&lock);
        closing--;
    }
    return arg;
}

/* With the lock held. */
static void add_thread(void)
{
    pthread_attr_t attributes;
    pthread_t thread;

    if (pthread_attr_init(&attributes) != 0)
        return;
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attributes, STACK_SIZE > (size_t)PTHREAD_STACK_MIN
                                                     ? STACK_SIZE
                                                     : (size_t)PTHREAD_STACK_MIN);
    threads += pthread_create(&thread, &attributes, work, NULL) == 0;
    (void)pthread_attr_destroy(&attributes);
}

void closing_close(int fd)
{
    int kept_errno = errno;
    bool taken = false;

    (void)pthread_mutex_lock(&lock);
    if (idle <= queued && threads < THREADS_MAX)
        add_thread();
    if (threads > 0 && queued < QUEUE_MAX) {
        queue[(first + queued++) % QUEUE_MAX] = fd;
        taken = true;
        (void)pthread_cond_signal(&more);
    }
    (void)pthread_mutex_unlock(&lock);
    if (!taken)
        (void)close(fd);
    errno = kept_errno;
}

unsigned closing_pending(void)
{
    unsigned pending;

    (void)pthread_mutex_lock(&lock);
    pending = queued + closing;
    (void)pthread_mutex_unlock(&lock);
    return pending;
}
