/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include "fd_message.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

int link_make(int ends[2])
{
    /*
     * Twenty or so messages. The kernel counts the descriptors that one user has on their way, and
     * makes him wait, or refuses, when there are many: workers that do not read must not come to
     * that.
     */
    const int octets = 8192;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0) {
        if (setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &octets, sizeof(octets)) == 0)
            return 0;
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
    /* Linux leaves numbers there where it fails. */
    ends[0] = ends[1] = -1;
    return -1;
}

bool link_send(int link, enum link_word word, int fd)
{
    char octet = (char)word;

    return dance_send_fd(link, &octet, 1, fd);
}

enum link_received link_receive(int link, enum link_word *word, int *fd)
{
    char octet = 0;
    ssize_t n = dance_receive_fd(link, &octet, 1, fd);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? LINK_NONE : LINK_OVER;
    if (n == 0)
        return LINK_OVER;
    *word = (enum link_word)octet;
    return LINK_HERE;
}

bool link_await_begin(int link)
{
    struct pollfd begun = {.fd = link, .events = POLLIN};
    enum link_word word;
    int fd = -1;

    while (poll(&begun, 1, -1) < 0 && errno == EINTR)
        continue;
    return link_receive(link, &word, &fd) == LINK_HERE;
}
