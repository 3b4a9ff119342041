/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "fd_message.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The room for one is the room for two: it is a multiple of eight octets. */
#define ROOM 2
union ancillary {
    struct cmsghdr header;
    char octets[CMSG_SPACE(sizeof(int) * ROOM)];
};

bool dance_send_fd(int socket, const void *message, size_t len, int fd)
{
    union ancillary ancillary = {.octets = {0}};
    /* Nothing is written to it. */
    struct iovec part = {(void *)(uintptr_t)message, len};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;

    if (fd >= 0) {
        msg.msg_control = ancillary.octets;
        msg.msg_controllen = CMSG_SPACE(sizeof(int));
        ancillary.header.cmsg_level = SOL_SOCKET;
        ancillary.header.cmsg_type = SCM_RIGHTS;
        ancillary.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&ancillary.header), &fd, sizeof(int));
    }
    do
        sent = sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)len;
}

ssize_t dance_receive_fd(int socket, void *message, size_t size, int *fd)
{
    union ancillary ancillary;
    struct iovec part = {message, size};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = ancillary.octets,
                         .msg_controllen = sizeof(ancillary.octets)};
    ssize_t len = recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *c = len >= 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    int second;

    *fd = -1;
    if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return len;
    memcpy(fd, CMSG_DATA(c), sizeof(int));
    if (c->cmsg_len >= CMSG_LEN(sizeof(int) * ROOM)) {
        memcpy(&second, CMSG_DATA(c) + sizeof(int), sizeof(int));
        (void)close(second);
    }
    return len;
}
