/*
 * message.h: one message of a SOCK_SEQPACKET socket, with its descriptors.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_MESSAGE_H
#define DANCE_MESSAGE_H

#include "dance_wire_chain.h"

/* The longest message that a client may send has a chain; one octet more shows that it is not. */
#define MESSAGE_MAX (DANCE_WIRE_CHAIN_SIZE_MAX + 1)
/* One is wanted; a second one shows that there were more, and the kernel closes the rest. */
#define MESSAGE_FDS_MAX 2

struct message {
    uint8_t octets[MESSAGE_MAX];
    size_t len; /* 0 also for a message that was longer */
    int fds[MESSAGE_FDS_MAX];
    int fd_count; /* to be taken over (then set to 0) or closed by message_close_fds() */
};

enum message_status {
    MESSAGE_HERE,
    MESSAGE_NONE, /* not now */
    MESSAGE_END   /* the other end is closed, or the socket is of no use */
};

/* Receive a message without waiting. Descriptors are closed upon exec. */
enum message_status message_receive(int fd, struct message *m);

void message_close_fds(struct message *m);

#endif
