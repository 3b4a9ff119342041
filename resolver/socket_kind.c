/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "socket_kind.h"

#include <sys/socket.h>
#include <sys/un.h>

static bool has(int fd, int option, int wanted)
{
    int value = -1;
    socklen_t size = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

bool socket_is_ours(int fd, bool listening)
{
    return has(fd, SO_DOMAIN, AF_UNIX) && has(fd, SO_TYPE, SOCK_SEQPACKET)
           && has(fd, SO_ACCEPTCONN, listening);
}

bool socket_is_of_channel(int fd)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t size = sizeof(name);

    return getpeername(fd, (struct sockaddr *)&name, &size) == 0 && size > sizeof(name.sun_family);
}
