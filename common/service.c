/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "service.h"

#include "fd_message.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* The kernel makes a name that nobody else has where none is given. */
static bool take_name(int fd)
{
    const struct sockaddr_un none = {.sun_family = AF_UNIX};

    return bind(fd, (const struct sockaddr *)&none, sizeof(none.sun_family)) == 0;
}

int dance_service_reach(const char *path, bool named)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {DANCE_SERVICE_MS / 1000, 0};
    int fd;
    int error;

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    /* Or it would wait for ever in the queue of a resolver that does not take anybody. */
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0
        && (!named || take_name(fd))
        && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    error = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = error;
    return -1;
}

bool dance_service_say(int channel, enum dance_wire_type type, int fd)
{
    uint8_t message[DANCE_WIRE_HEADER];

    return dance_send_fd(channel, message, dance_wire_encode_bare(type, message, sizeof(message)),
                         fd);
}

int dance_service_converse(int channel)
{
    int pair[2];
    bool said;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    said = dance_service_say(channel, DANCE_WIRE_CONVERSATION, pair[1]);
    (void)close(pair[1]);
    if (said)
        return pair[0];
    (void)close(pair[0]);
    return -1;
}

bool dance_service_wait(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};

    return poll(&ready, 1, DANCE_SERVICE_MS) == 1;
}
