/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "lookup/order.h"

#include "dance_wire.h"
#include "fd_message.h"
#include "lookup/channel.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct dance_kept_fd dance_order_send(int file, char *why, size_t why_size)
{
    struct dance_kept_fd order = dance_conversation_take(false, 0, why, why_size);

    if (order.fd >= 0 && !dance_channel_send(order.fd, DANCE_WIRE_ALLOW_FILE, file)) {
        (void)snprintf(why, why_size, "it ended while it was asked");
        dance_kept_fd_close(&order);
    }
    return order;
}

/* Take the next message, if it is there. */
static enum dance_order_state receive(int fd, int *list, char *why, size_t why_size)
{
    uint8_t message[DANCE_WIRE_ALLOW_LIST_MAX + 1];
    char reason[DANCE_WIRE_REASON_MAX + 1];
    ssize_t len = dance_receive_fd(fd, message, sizeof(message), list);

    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return DANCE_ORDER_WAITS;
    if (len > 0 && dance_wire_decode_allow_list(message, (size_t)len, reason)) {
        (void)snprintf(why, why_size, "%s", reason);
        if (*reason == '\0' && *list >= 0)
            return DANCE_ORDER_CAME;
        if (*reason != '\0' && *list < 0)
            return DANCE_ORDER_REFUSED;
    }
    if (*list >= 0)
        (void)close(*list);
    *list = -1;
    /* A new conversation begins with the page, which this one has no use for. */
    if (len > 0 && dance_wire_type(message, (size_t)len) == DANCE_WIRE_PAGE)
        return receive(fd, list, why, why_size);
    (void)snprintf(why, why_size, "it ended while it was asked");
    return DANCE_ORDER_LOST;
}

enum dance_order_state dance_order_look(struct dance_kept_fd *order, int *list, char *why,
                                        size_t why_size)
{
    enum dance_order_state state = DANCE_ORDER_LOST;

    *list = -1;
    if (dance_kept_fd_valid(order))
        state = receive(order->fd, list, why, why_size);
    else
        (void)snprintf(why, why_size, "the application closed the conversation");
    /* Nothing else comes on it, and it has no page: it is not for lookups. */
    if (state != DANCE_ORDER_WAITS)
        dance_kept_fd_close(order);
    return state;
}
