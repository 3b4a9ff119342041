/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include "fd_message.h"

#include <errno.h>
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
    ssize_t n = dance_receive_fd(link, &octet, 1, fd);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? LINK_NONE : LINK_OVER;
    if (n == 0)
        return LINK_OVER;
    *word = (enum link_word)octet;
    return LINK_HERE;
}
