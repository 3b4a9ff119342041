/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include "send_fd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

int link_make(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
}

bool link_send(int link, enum link_word word, int fd)
{
    char octet = (char)word;

    return dance_send_fd(link, &octet, 1, fd);
}

enum link_received link_receive(int link, enum link_word *word, int *fd)
{
    char octet;
    union {
        struct cmsghdr header;
        char octets[CMSG_SPACE(sizeof(int))];
    } ancillary = {.octets = {0}};
    struct iovec part = {&octet, 1};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = ancillary.octets,
                         .msg_controllen = sizeof(ancillary.octets)};
    ssize_t n = recvmsg(link, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    *fd = -1;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? LINK_NONE : LINK_OVER;
    if (n == 0)
        return LINK_OVER;
    if (CMSG_FIRSTHDR(&msg) != NULL && ancillary.header.cmsg_type == SCM_RIGHTS)
        memcpy(fd, CMSG_DATA(&ancillary.header), sizeof(int));
    *word = (enum link_word)octet;
    return LINK_HERE;
}
