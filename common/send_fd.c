/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "send_fd.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

bool dance_send_fd(int socket, const void *octets, size_t len, int fd)
{
    union {
        struct cmsghdr header;
        char octets[CMSG_SPACE(sizeof(int))];
    } ancillary = {.octets = {0}};
    struct iovec part = {(void *)(uintptr_t)octets, len};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;

    if (fd >= 0) {
        msg.msg_control = ancillary.octets;
        msg.msg_controllen = sizeof(ancillary.octets);
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
