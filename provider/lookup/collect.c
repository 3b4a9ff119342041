/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "lookup/collect.h"

#include "fd_message.h"
#include "lookup/channel.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* It is the only question of its conversation. */
#define ID 1u

static const char ended[] = "the resolver ended while it was asked";

struct dance_kept_fd dance_collect_send(const char *name, size_t len, char *why, size_t why_size)
{
    const struct dance_wire_query query = {ID, DANCE_WIRE_TIMEOUT_MAX, name, len};
    struct dance_kept_fd asked = dance_conversation_take(false, 0, why, why_size);
    uint8_t message[DANCE_WIRE_HEADER + 9 + DANCE_WIRE_NAME_MAX];
    size_t octets = dance_wire_encode_collect(&query, message, sizeof(message));

    if (asked.fd >= 0 && (octets == 0 || !dance_send_fd(asked.fd, message, octets, -1))) {
        (void)snprintf(why, why_size, "%s", ended);
        dance_kept_fd_close(&asked);
    }
    return asked;
}

/* Take the next message, if it is there. */
static enum dance_collect_state receive(int fd, uint8_t *message, size_t size,
                                        struct dance_wire_collected *collected)
{
    int with;
    ssize_t len = dance_receive_fd(fd, message, size, &with);

    if (with >= 0)
        (void)close(with);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return DANCE_COLLECT_WAITS;
    /* A new conversation begins with the page, which this one has no use for. */
    if (len > 0 && dance_wire_type(message, (size_t)len) == DANCE_WIRE_PAGE)
        return receive(fd, message, size, collected);
    return len > 0 && dance_wire_decode_collected(message, (size_t)len, collected)
                   && collected->id == ID
               ? DANCE_COLLECT_CAME
               : DANCE_COLLECT_LOST;
}

enum dance_collect_state dance_collect_look(struct dance_kept_fd *asked, uint8_t **message,
                                            struct dance_wire_collected *collected, char *why,
                                            size_t why_size)
{
    enum dance_collect_state state = DANCE_COLLECT_LOST;

    *message = OPENSSL_malloc(DANCE_WIRE_CHAIN_SIZE_MAX);
    if (*message == NULL)
        (void)snprintf(why, why_size, "out of memory");
    else if (!dance_kept_fd_valid(asked))
        (void)snprintf(why, why_size, "the application closed the conversation");
    else {
        state = receive(asked->fd, *message, DANCE_WIRE_CHAIN_SIZE_MAX, collected);
        (void)snprintf(why, why_size, "%s", ended);
    }
    /* Nothing else comes on it, and it has no page: it is not for lookups. */
    if (state != DANCE_COLLECT_WAITS)
        dance_kept_fd_close(asked);
    if (state != DANCE_COLLECT_CAME) {
        OPENSSL_free(*message);
        *message = NULL;
    }
    return state;
}
