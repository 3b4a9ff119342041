/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/relay.h"

#include "worker/dns/complaints.h"
#include "worker/dns/settings.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#define CLASS_IN 1
#define RCODE_SERVFAIL 2
#define BUCKETS 1024u
/* More than lookups.c ever has in flight; what it has given up may still be under way here. */
#define REQUESTS_MAX 131072u
/* So many are begun before results are looked for again. */
#define BATCH 32

/* Where a request is. All but TAKEN are seen by both threads, under the mutex. */
enum where {
    WAITING, /* to be given to libunbound */
    BEGUN,   /* libunbound has it */
    DONE,    /* there is a result */
    TAKEN,   /* its callback is about to run */
    PLACES
};

enum end {
    NOT_YET,
    IN_ORDER, /* the context is deleted, the thread about to return */
    BROKEN    /* libunbound has come to an end */
};

struct request {
    TAILQ_ENTRY(request) same_place;
    LIST_ENTRY(request) bucket; /* of the event loop; not in it when cancelled */
    struct relay *relay;
    enum where where;
    bool cancelled;
    int id;
    int type;
    void *arg;
    ub_callback_type callback;
    int error;
    struct ub_result *result;
    char name[]; /* the last: as long as it needs to be */
};

struct relay {
    struct ub_ctx *context;
    pthread_t thread;
    int wake;    /* eventfd: the thread has something to do */
    int arrived; /* eventfd: the event loop has */
    pthread_mutex_t mutex;
    TAILQ_HEAD(requests, request) place[PLACES];
    unsigned count;
    bool ending;
    enum end end;
    LIST_HEAD(request_list, request) bucket[BUCKETS];
    int last_id;
};

/* libunbound's contexts share things that they take down without a lock. */
static pthread_mutex_t deleting = PTHREAD_MUTEX_INITIALIZER;

static void signal_event(int fd)
{
    const uint64_t one = 1;

    /* Fails only where it is readable already. */
    while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

static void drain_event(int fd)
{
    uint64_t count;

    while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
        continue;
}

static void lock(struct relay *relay)
{
    (void)pthread_mutex_lock(&relay->mutex);
}

static void unlock(struct relay *relay)
{
    (void)pthread_mutex_unlock(&relay->mutex);
}

/* With the mutex held, here and in the next two. */
static void put(struct relay *relay, struct request *r, enum where where)
{
    r->where = where;
    TAILQ_INSERT_TAIL(&relay->place[where], r, same_place);
}

static void take_out(struct relay *relay, struct request *r)
{
    TAILQ_REMOVE(&relay->place[r->where], r, same_place);
}

static void move(struct relay *relay, struct request *r, enum where where)
{
    take_out(relay, r);
    put(relay, r, where);
}

static void free_request(struct request *r)
{
    ub_resolve_free(r->result);
    free(r);
}

/*
 * Give a failure libunbound's own words, which it has for what is bogus alone.
 * It names a server that answered something, but none that did not answer.
 */
static void explain(const struct request *r, struct ub_result *result)
{
    char text[256];
    char *why = NULL;
    bool root;

    if (result == NULL || result->rcode != RCODE_SERVFAIL || result->why_bogus != NULL
        || !complaints_servfail(r->name, text, sizeof(text)))
        return;
    root = strstr(text, "at zone . ") != NULL && strstr(text, " from ") == NULL;
    if (asprintf(&why, "%s%s", text, root ? settings_forwarding() : "") >= 0)
        result->why_bogus = why; /* freed with the result */
}

/* Of the thread: r has come to its end. */
static void finish(struct request *r, int error, struct ub_result *result)
{
    struct relay *relay = r->relay;
    bool cancelled, first;

    explain(r, result);
    lock(relay);
    r->error = error;
    r->result = result;
    cancelled = r->cancelled;
    first = TAILQ_EMPTY(&relay->place[DONE]);
    if (cancelled) {
        take_out(relay, r);
        relay->count--;
    } else {
        move(relay, r, DONE);
    }
    unlock(relay);
    if (cancelled)
        free_request(r);
    else if (first)
        signal_event(relay->arrived);
}

static void on_result(void *arg, int error, struct ub_result *result)
{
    finish(arg, error, result);
}

/* Of the thread: the next request, which is libunbound's then; NULL when there is none. */
static struct request *next_request(struct relay *relay)
{
    struct request *r;

    lock(relay);
    r = relay->ending ? NULL : TAILQ_FIRST(&relay->place[WAITING]);
    if (r != NULL)
        move(relay, r, BEGUN);
    unlock(relay);
    return r;
}

/* Begin some of what waits; false when nothing waited any more. */
static bool begin_some(struct relay *relay)
{
    for (int i = 0; i < BATCH; i++) {
        struct request *r = next_request(relay);
        int error;

        if (r == NULL)
            return false;
        error = ub_resolve_async(relay->context, r->name, r->type, CLASS_IN, r, on_result, NULL);
        if (error != 0)
            finish(r, error, NULL);
    }
    return true;
}

static bool is_ending(struct relay *relay)
{
    bool ending;

    lock(relay);
    ending = relay->ending;
    unlock(relay);
    return ending;
}

static void say_end(struct relay *relay, enum end end)
{
    lock(relay);
    relay->end = end;
    unlock(relay);
    signal_event(relay->arrived);
}

static void *run(void *arg)
{
    struct relay *relay = arg;
    struct pollfd fds[2] = {{.fd = relay->wake, .events = POLLIN},
                            {.fd = ub_fd(relay->context), .events = POLLIN}};

    while (!is_ending(relay)) {
        bool more = begin_some(relay);

        (void)poll(fds, 2, more ? 0 : -1);
        if (fds[0].revents != 0)
            drain_event(relay->wake);
        if (ub_process(relay->context) != 0) {
            /* To delete the context would wait for libunbound's thread in vain. */
            say_end(relay, BROKEN);
            return NULL;
        }
    }
    (void)pthread_mutex_lock(&deleting);
    ub_ctx_delete(relay->context);
    (void)pthread_mutex_unlock(&deleting);
    say_end(relay, IN_ORDER);
    return NULL;
}

struct relay *relay_open(struct ub_ctx *context)
{
    struct relay *relay = calloc(1, sizeof(*relay));

    if (relay == NULL)
        return NULL;
    relay->context = context;
    for (size_t i = 0; i < PLACES; i++)
        TAILQ_INIT(&relay->place[i]);
    (void)pthread_mutex_init(&relay->mutex, NULL);
    relay->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    relay->arrived = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (relay->wake >= 0 && relay->arrived >= 0
        && pthread_create(&relay->thread, NULL, run, relay) == 0)
        return relay;
    if (relay->wake >= 0)
        (void)close(relay->wake);
    if (relay->arrived >= 0)
        (void)close(relay->arrived);
    (void)pthread_mutex_destroy(&relay->mutex);
    free(relay);
    return NULL;
}

int relay_fd(const struct relay *relay)
{
    return relay->arrived;
}

static struct request_list *bucket_of(struct relay *relay, int id)
{
    return &relay->bucket[(unsigned)id % BUCKETS];
}

int relay_start(struct relay *relay, const char *name, int type, void *arg,
                ub_callback_type callback, int *id)
{
    size_t size = strlen(name) + 1;
    struct request *r = calloc(1, sizeof(*r) + size);
    int error = 0;
    bool first = false;

    if (r == NULL)
        return UB_NOMEM;
    memcpy(r->name, name, size);
    r->relay = relay;
    r->type = type;
    r->arg = arg;
    r->callback = callback;
    r->id = relay->last_id = relay->last_id % INT_MAX + 1;
    lock(relay);
    if (relay->end != NOT_YET) {
        error = UB_PIPE;
    } else if (relay->count >= REQUESTS_MAX) {
        error = UB_NOMEM;
    } else {
        first = TAILQ_EMPTY(&relay->place[WAITING]);
        relay->count++;
        put(relay, r, WAITING);
    }
    unlock(relay);
    if (error != 0) {
        free(r);
        return error;
    }
    LIST_INSERT_HEAD(bucket_of(relay, r->id), r, bucket);
    *id = r->id;
    if (first)
        signal_event(relay->wake);
    return 0;
}

void relay_cancel(struct relay *relay, int id)
{
    struct request *r;

    LIST_FOREACH(r, bucket_of(relay, id), bucket)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (r->id == id)
            break;
    }
    if (r == NULL)
        return;
    LIST_REMOVE(r, bucket);
    lock(relay);
    if (r->where == BEGUN) {
        /* ub_cancel() would not end it either; finish() frees it. */
        r->cancelled = true;
        r = NULL;
    } else {
        take_out(relay, r);
        relay->count--;
    }
    unlock(relay);
    if (r != NULL)
        free_request(r);
}

bool relay_process(struct relay *relay)
{
    struct request *r;
    bool broken;

    drain_event(relay->arrived);
    lock(relay);
    while ((r = TAILQ_FIRST(&relay->place[DONE])) != NULL)
        move(relay, r, TAKEN);
    broken = relay->end == BROKEN;
    unlock(relay);
    /* What is TAKEN is the event loop's alone; a callback may cancel some of it. */
    while ((r = TAILQ_FIRST(&relay->place[TAKEN])) != NULL) {
        TAILQ_REMOVE(&relay->place[TAKEN], r, same_place);
        LIST_REMOVE(r, bucket);
        lock(relay);
        relay->count--;
        unlock(relay);
        r->callback(r->arg, r->error, r->result);
        free(r);
    }
    return !broken;
}

void relay_end(struct relay *relay)
{
    lock(relay);
    relay->ending = true;
    unlock(relay);
    signal_event(relay->wake);
}

static enum end how_ended(struct relay *relay)
{
    enum end end;

    drain_event(relay->arrived);
    lock(relay);
    end = relay->end;
    unlock(relay);
    return end;
}

bool relay_free(struct relay *relay, int wait_ms)
{
    struct pollfd arrived = {.fd = relay->arrived, .events = POLLIN};
    struct request *r;
    enum end end;

    while ((end = how_ended(relay)) == NOT_YET) {
        if (poll(&arrived, 1, wait_ms) == 0)
            return false;
    }
    if (end == BROKEN)
        return false;
    (void)pthread_join(relay->thread, NULL);
    for (size_t i = 0; i < PLACES; i++) {
        while ((r = TAILQ_FIRST(&relay->place[i])) != NULL) {
            TAILQ_REMOVE(&relay->place[i], r, same_place);
            free_request(r);
        }
    }
    (void)close(relay->wake);
    (void)close(relay->arrived);
    (void)pthread_mutex_destroy(&relay->mutex);
    free(relay);
    return true;
}
