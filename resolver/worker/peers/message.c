/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/peers/message.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SCM_PIDFD
#define SCM_PIDFD 4 /* Linux 6.5 */
#endif

static void keep_fds(struct message *m, struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        size_t octets = c->cmsg_len - CMSG_LEN(0);

        /* The sender, who has a copy of our end, can have the kernel add descriptors of its own. */
        if (c->cmsg_level != SOL_SOCKET
            || (c->cmsg_type != SCM_RIGHTS && c->cmsg_type != SCM_PIDFD))
            continue;
        for (size_t i = 0; i + sizeof(int) <= octets; i += sizeof(int)) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i, sizeof(int));
            if (c->cmsg_type == SCM_RIGHTS && m->fd_count < MESSAGE_FDS_MAX)
                m->fds[m->fd_count++] = fd;
            else
                (void)close(fd);
        }
    }
}

/* An empty message and the end look alike to recvmsg(). */
static bool at_end(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLRDHUP};

    return poll(&p, 1, 0) < 0 || (p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

enum message_status message_receive(int fd, struct message *m)
{
    union {
        struct cmsghdr header;
        char octets[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)];
    } ancillary;
    struct iovec part = {m->octets, sizeof(m->octets)};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = ancillary.octets,
                         .msg_controllen = sizeof(ancillary.octets)};
    ssize_t len = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    m->len = 0;
    m->fd_count = 0;
    if (len < 0)
        return errno == EAGAIN || errno == EINTR ? MESSAGE_NONE : MESSAGE_END;
    keep_fds(m, &msg);
    if (len == 0 && m->fd_count == 0 && at_end(fd))
        return MESSAGE_END;
    if ((msg.msg_flags & MSG_TRUNC) == 0)
        m->len = (size_t)len;
    return MESSAGE_HERE;
}

void message_close_fds(struct message *m)
{
    for (int i = 0; i < m->fd_count; i++)
        (void)close(m->fds[i]);
    m->fd_count = 0;
}
