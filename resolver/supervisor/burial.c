/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/burial.h"

#include "link.h"
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* How often a burier begins, but for this part of what may wait, with which there is no waiting. */
#define INTERVAL_MS 100
#define AT_ONCE_PART 4u
/* What may wait is this part of the descriptors. */
#define WAITING_PART 16u
/* A burier that has not ended by then waits for somebody; the next one begins. */
#define PATIENCE_MS 1000
#define BURIERS_MAX 8u
/* When that is said, and how often. */
#define TELL_MS 30000
#define LOG_INTERVAL_MS 10000

static struct burier {
    pid_t pid;
    long long begun_ms;
} buriers[BURIERS_MAX]; /* as they began */
static unsigned running;
static bool failed;        /* to begin the last one */
static long long begun_ms; /* when the last one began */
static long long quiet_to;
static burial_leave *leave_of;
static int *waiting;
static unsigned count;
static unsigned size;
static unsigned may_wait;
static int pair[2] = {-1, -1}; /* for the next burier, made while there were descriptors */

bool burial_open(unsigned descriptors, burial_leave *leave)
{
    waiting = calloc(descriptors, sizeof(*waiting));
    size = descriptors;
    may_wait = descriptors / WAITING_PART;
    leave_of = leave;
    return waiting != NULL && link_make(pair) == 0;
}

void burial_add(int fd)
{
    /* More than that there can only be at the start, from a predecessor: it stays open. */
    if (count < size)
        waiting[count++] = fd;
}

void burial_turn_away(int fd)
{
    (void)shutdown(fd, SHUT_RDWR);
    burial_add(fd);
}

bool burial_has_room(void)
{
    return count < may_wait;
}

bool burial_is_stuck(void)
{
    return running == BURIERS_MAX;
}

void burial_name(void)
{
    (void)prctl(PR_SET_NAME, "dance-burier");
}

void burial_forget(void)
{
    for (unsigned i = 0; i < count; i++)
        (void)close(waiting[i]);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

static void tell(const char *text, long long now_ms)
{
    if (now_ms < quiet_to)
        return;
    quiet_to = now_ms + LOG_INTERVAL_MS;
    dance_log(DANCE_LOG_ERROR, "resolver: %s", text);
}

/* In the burier: until the supervisor has closed its end. */
static void hold(void)
{
    struct pollfd end = {.fd = pair[1], .events = POLLIN};

    burial_name();
    (void)close(pair[0]);
    leave_of();
    if (!link_send(pair[1], LINK_BEGUN, -1))
        return;
    while (poll(&end, 1, -1) < 0 && errno == EINTR)
        continue;
}

static void begin(long long now_ms)
{
    pid_t pid = -1;

    begun_ms = now_ms;
    failed = false;
    if (pair[0] >= 0 || link_make(pair) == 0)
        pid = fork();
    if (pid == 0) {
        hold();
        _exit(EXIT_SUCCESS);
    }
    if (pid < 0) {
        tell("no process can be started to close connections", now_ms);
        failed = true;
        return;
    }
    buriers[running++] = (struct burier){pid, now_ms};
    (void)close(pair[1]);
    /* It has copies, and none of what is not to be closed. Where it was killed it has none. */
    if (link_await_begin(pair[0])) {
        while (count > 0)
            (void)close(waiting[--count]);
    }
    (void)close(pair[0]);
    (void)link_make(pair);
}

int burial_tick(long long now_ms)
{
    bool waits = running > 0 && now_ms - buriers[running - 1].begun_ms < PATIENCE_MS;
    bool due = now_ms - begun_ms >= INTERVAL_MS || (count >= may_wait / AT_ONCE_PART && !failed);

    if (running > 0 && now_ms - buriers[0].begun_ms >= TELL_MS)
        tell("a connection that was closed waits for what somebody sent over it", now_ms);
    if (count > 0 && !waits && due && running < BURIERS_MAX)
        begin(now_ms);
    if (count > 0 && running < BURIERS_MAX)
        return INTERVAL_MS;
    return running > 0 ? LOG_INTERVAL_MS : -1;
}

bool burial_ended(pid_t pid)
{
    for (unsigned i = 0; i < running; i++) {
        if (buriers[i].pid != pid)
            continue;
        running--;
        for (; i < running; i++)
            buriers[i] = buriers[i + 1];
        return true;
    }
    return false;
}
