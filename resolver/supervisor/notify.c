/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/notify.h"

#include "fd_message.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define READY_WAIT_MS 10000

static int to = -1;
static int interval = -1;
static long long due_ms;

static void read_interval(void)
{
    const char *text = getenv("WATCHDOG_USEC");
    long long usec = text != NULL ? strtoll(text, NULL, 10) : 0;

    if (usec > 0)
        interval = (int)(usec / 1000 / 3);
}

void notify_open(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path != NULL ? strlen(path) : 0;

    if (len > 1 && len < sizeof(address.sun_path)) {
        memcpy(address.sun_path, path, len);
        if (*path == '@')
            address.sun_path[0] = '\0';
        to = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (to >= 0
            && connect(to, (const struct sockaddr *)&address,
                       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len))
                   != 0)
            notify_close();
    }
    if (to >= 0)
        read_interval();
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

void notify_close(void)
{
    if (to >= 0)
        (void)close(to);
    to = -1;
}

/* The queue is everybody's who tells systemd something, and short. */
static bool say(const char *text, int fd)
{
    return to < 0 || dance_send_fd(to, text, strlen(text), fd) || errno != EAGAIN;
}

void notify_ready(void)
{
    struct pollfd room = {.fd = to, .events = POLLOUT};

    while (!say("READY=1", -1) && poll(&room, 1, READY_WAIT_MS) > 0)
        continue;
}

int notify_alive(long long now_ms)
{
    if (interval < 0)
        return -1;
    if (now_ms >= due_ms) {
        /* What does not go through now has two more chances in time. */
        (void)say("WATCHDOG=1", -1);
        due_ms = now_ms + interval;
    }
    return (int)(due_ms - now_ms);
}

bool notify_store(int fd)
{
    return say("FDSTORE=1\nFDNAME=channel", fd);
}

int notify_fd(void)
{
    return to;
}
