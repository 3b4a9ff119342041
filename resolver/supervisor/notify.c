/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/notify.h"

#include "fd_message.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int to = -1;
static int interval = -1;

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

static void say(const char *text, int fd)
{
    if (to >= 0)
        (void)dance_send_fd(to, text, strlen(text), fd);
}

void notify_ready(void)
{
    say("READY=1", -1);
}

void notify_alive(void)
{
    say("WATCHDOG=1", -1);
}

int notify_interval_ms(void)
{
    return interval;
}

void notify_store(int fd)
{
    say("FDSTORE=1\nFDNAME=channel", fd);
}
