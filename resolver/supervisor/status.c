/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/status.h"

#include "dance_wire_status.h"
#include "fd_message.h"
#include "now.h"
#include "supervisor/channels.h"
#include "supervisor/users.h"

#include <stdio.h>

static long long begun_ms;

void status_open(void)
{
    begun_ms = dance_now_ms();
}

static void say_user(const struct dance_wire_status_of_user *user, void *arg)
{
    static uint8_t message[DANCE_WIRE_STATUS_OF_USER_MAX];
    const int *fd = arg;
    size_t len = dance_wire_encode_status_of_user(user, message, sizeof(message));

    /* A reader who misses some knows how many he was to get. */
    if (len > 0)
        (void)dance_send_fd(*fd, message, len, -1);
}

void status_say(int fd, uid_t reader)
{
    uint8_t message[DANCE_WIRE_STATUS_SIZE];
    struct dance_wire_status_head head = {
        .seconds = (uint32_t)((dance_now_ms() - begun_ms) / 1000),
        .workers = users_workers(),
        .channels = channels_count(),
        .users = users_known_to(reader),
    };
    size_t len;

    (void)snprintf(head.version, sizeof(head.version), "%s", DANCE_VERSION);
    head.follow =
        head.users < DANCE_WIRE_STATUS_USERS_MAX ? head.users : DANCE_WIRE_STATUS_USERS_MAX;
    len = dance_wire_encode_status(&head, message, sizeof(message));
    if (len > 0 && dance_send_fd(fd, message, len, -1))
        users_tell(reader, DANCE_WIRE_STATUS_USERS_MAX, say_user, &fd);
}
