/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/peers/page.h"

#include "dance_wire.h"
#include "fd_message.h"

bool page_send(int conversation, const struct dance_generation *generation)
{
    uint8_t message[DANCE_WIRE_PAGE_SIZE];
    size_t len =
        dance_wire_encode_page(dance_generation_now(generation->counter), message, sizeof(message));

    return dance_send_fd(conversation, message, len, generation->fd);
}
