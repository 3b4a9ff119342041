/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "lookup/waiting.h"

#include "process.h"

#include <errno.h>
#include <openssl/async.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define POLL_MAX_MS 60000
/* How long to wait for real when an application resumes a job without looking at the descriptor. */
#define IMPATIENT_MS 1

/* What is waited for. */
struct wanted {
    struct dance_kept_fd fd;
    short events; /* POLLIN or POLLOUT */
    bool own;     /* to be closed where the wait never ends */
};

/* What hangs on the wait context of an SSL whose job was paused. */
struct pause {
    struct dance_kept_fd seen; /* an epoll that the application is given; holds the other two */
    struct wanted waited_for;  /* fd -1 when nothing is waited for */
    int timer;                 /* -1 likewise */
    bool shown;                /* the application was given it */
};

static const char key = 0; /* its address is what counts */

/*
 * One look, or a wait of wait_ms at the most. Not to be inlined, like
 * pause_once(): a job may go on in another thread than it was paused in, and
 * compilers may keep where errno is.
 */
static __attribute__((noinline)) enum dance_waited look(const struct wanted *wanted,
                                                        long long wait_ms)
{
    struct pollfd one = {wanted->fd.fd, wanted->events, 0};
    int ready = poll(&one, 1, wait_ms > POLL_MAX_MS ? POLL_MAX_MS : (int)wait_ms);

    if (ready > 0)
        return DANCE_WAITED_READY;
    return ready == 0 || errno == EINTR || errno == EAGAIN ? DANCE_WAITED_LATE
                                                           : DANCE_WAITED_FAILED;
}

static enum dance_waited wait_for_real(const struct wanted *wanted, long long deadline)
{
    for (;;) {
        long long left = deadline - dance_now_ms();
        enum dance_waited waited = look(wanted, left > 0 ? left : 0);

        if (waited != DANCE_WAITED_LATE || left <= 0)
            return waited;
    }
}

/* The SSL is freed; where its job is still paused, nobody else will ever close the rest. */
static void on_free(ASYNC_WAIT_CTX *ctx, const void *of, OSSL_ASYNC_FD fd, void *data)
{
    struct pause *p = data;

    (void)ctx;
    (void)of;
    (void)fd;
    if (p->timer >= 0)
        (void)close(p->timer);
    if (p->waited_for.own)
        dance_kept_fd_close(&p->waited_for.fd);
    dance_kept_fd_close(&p->seen);
    OPENSSL_free(p);
}

/* What hangs on ctx, made when there is nothing; NULL when that is not possible. */
static struct pause *find_pause(ASYNC_WAIT_CTX *ctx)
{
    OSSL_ASYNC_FD fd;
    void *data = NULL;
    struct pause *p;

    if (ASYNC_WAIT_CTX_get_fd(ctx, &key, &fd, &data))
        return dance_kept_fd_valid(&((struct pause *)data)->seen) ? data : NULL;
    p = OPENSSL_zalloc(sizeof(*p));
    if (p == NULL)
        return NULL;
    p->timer = -1;
    p->waited_for.fd.fd = -1;
    p->seen = dance_kept_fd_keep(epoll_create1(EPOLL_CLOEXEC));
    if (p->seen.fd >= 0 && ASYNC_WAIT_CTX_set_wait_fd(ctx, &key, p->seen.fd, p, on_free))
        return p;
    dance_kept_fd_close(&p->seen);
    OPENSSL_free(p);
    return NULL;
}

/* What the application was never given does not stay. */
static void forget_unseen(ASYNC_WAIT_CTX *ctx, struct pause *p)
{
    if (p->shown)
        return;
    (void)ASYNC_WAIT_CTX_clear_fd(ctx, &key);
    dance_kept_fd_close(&p->seen);
    OPENSSL_free(p);
}

static bool watch(const struct pause *p, int fd, short events)
{
    struct epoll_event event = {.events = events == POLLIN ? EPOLLIN : EPOLLOUT};

    return epoll_ctl(p->seen.fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void disarm(struct pause *p)
{
    if (p->waited_for.fd.fd >= 0)
        (void)epoll_ctl(p->seen.fd, EPOLL_CTL_DEL, p->waited_for.fd.fd, NULL);
    p->waited_for.fd.fd = -1;
    if (p->timer >= 0)
        (void)close(p->timer);
    p->timer = -1;
}

static bool arm(struct pause *p, const struct wanted *wanted, long long wait_ms)
{
    struct itimerspec when = {.it_value = {wait_ms / 1000, wait_ms % 1000 * 1000000 + 1}};

    p->waited_for = *wanted;
    p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (p->timer >= 0 && timerfd_settime(p->timer, 0, &when, NULL) == 0
        && watch(p, p->timer, POLLIN) && watch(p, wanted->fd.fd, wanted->events))
        return true;
    disarm(p);
    return false;
}

static __attribute__((noinline)) bool pause_once(void)
{
    return ASYNC_pause_job() == 1;
}

/*
 * Pause until it is there or the deadline has passed. false: it is not
 * possible to pause. Whatever hangs on the wait context must have been seen by
 * the application, because HAProxy ends when it meets a descriptor there that
 * it was never given: so nothing is hung there unless a pause follows at once.
 */
static bool wait_paused(ASYNC_JOB *job, const struct wanted *wanted, long long deadline,
                        enum dance_waited *waited)
{
    ASYNC_WAIT_CTX *ctx = ASYNC_get_wait_ctx(job);
    long long left = deadline - dance_now_ms();
    struct pause *p;

    *waited = look(wanted, 0);
    if (*waited != DANCE_WAITED_LATE || left <= 0)
        return true;
    p = find_pause(ctx);
    if (p == NULL)
        return false;
    if (!arm(p, wanted, left)) {
        forget_unseen(ctx, p);
        return false;
    }
    for (;;) {
        if (!pause_once()) {
            disarm(p);
            forget_unseen(ctx, p);
            return false;
        }
        p->shown = true;
        left = deadline - dance_now_ms();
        *waited = look(wanted, left > 0 ? IMPATIENT_MS : 0);
        if (*waited != DANCE_WAITED_LATE || left <= 0)
            break;
    }
    disarm(p);
    return true;
}

static enum dance_waited wait_for(const struct wanted *wanted, long long deadline)
{
    ASYNC_JOB *job = ASYNC_get_current_job();
    enum dance_waited waited = DANCE_WAITED_FAILED;

    /* With anything on the queue SSL_get_error() would not say that it is a pause. */
    if (job != NULL && ERR_peek_error() == 0 && wait_paused(job, wanted, deadline, &waited))
        return waited;
    return wait_for_real(wanted, deadline);
}

enum dance_waited dance_wait_readable(struct dance_kept_fd fd, long long deadline)
{
    struct wanted wanted = {fd, POLLIN, true};

    return wait_for(&wanted, deadline);
}

enum dance_waited dance_wait_writable(struct dance_kept_fd fd, long long deadline)
{
    struct wanted wanted = {fd, POLLOUT, false};

    return wait_for(&wanted, deadline);
}
