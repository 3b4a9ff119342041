/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/status.h"

#include "dance_wire_status.h"
#include "fd_message.h"
#include "now.h"
#include "supervisor/user.h"
#include "supervisor/users.h"
#include "supervisor/workers.h"

#include <stdio.h>

static long long begun_ms;

void status_open(void)
{
    begun_ms = dance_now_ms();
}

/* Of whom is reader told? */
static bool may_know(uid_t reader, const struct user *u)
{
    return reader == 0 || reader == u->uid;
}

static unsigned count_known(uid_t reader)
{
    unsigned count = 0;

    for (const struct user *u = user_first(); u != NULL; u = LIST_NEXT(u, all))
        count += may_know(reader, u);
    return count;
}

/* What there is to say of one. */
static void describe(const struct user *u, long long now_ms, struct dance_wire_status_of_user *out)
{
    const struct worker *w = u->worker;

    figures_read(u->figures, out);
    out->uid = u->uid;
    out->figure[DANCE_CHANNELS] = u->channels.count;
    if (w == NULL)
        return;
    out->seconds = (uint32_t)((now_ms - w->since_ms) / 1000);
    if (w->asked_ms != 0 && now_ms - w->asked_ms >= USERS_PING_MS)
        out->state = DANCE_WORKER_STUCK;
}

static void say_user(int fd, const struct user *u, long long now_ms)
{
    static struct dance_wire_status_of_user user;
    static uint8_t message[DANCE_WIRE_STATUS_OF_USER_MAX];
    size_t len;

    describe(u, now_ms, &user);
    len = dance_wire_encode_status_of_user(&user, message, sizeof(message));
    /* A reader who misses some knows how many he was to get. */
    if (len > 0)
        (void)dance_send_fd(fd, message, len, -1);
}

/* Those first who may have more. */
static void say_users(int fd, uid_t reader, unsigned most)
{
    long long now_ms = dance_now_ms();

    for (unsigned rank = 0; rank < USER_RANKS; rank++) {
        for (const struct user *u = user_first(); u != NULL; u = LIST_NEXT(u, all)) {
            if (user_rank(u->uid) != rank || !may_know(reader, u))
                continue;
            if (most-- == 0)
                return;
            say_user(fd, u, now_ms);
        }
    }
}

void status_say(int fd, uid_t reader)
{
    uint8_t message[DANCE_WIRE_STATUS_SIZE];
    struct dance_wire_status_head head = {
        .seconds = (uint32_t)((dance_now_ms() - begun_ms) / 1000),
        .workers = workers_count(),
        .channels = channels_count(),
        .users = count_known(reader),
    };
    size_t len;

    (void)snprintf(head.version, sizeof(head.version), "%s", DANCE_VERSION);
    head.follow =
        head.users < DANCE_WIRE_STATUS_USERS_MAX ? head.users : DANCE_WIRE_STATUS_USERS_MAX;
    len = dance_wire_encode_status(&head, message, sizeof(message));
    if (len > 0 && dance_send_fd(fd, message, len, -1))
        say_users(fd, reader, DANCE_WIRE_STATUS_USERS_MAX);
}
