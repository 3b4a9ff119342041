/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "status_ask.h"

#include "fd_message.h"
#include "reasons.h"
#include "resolvers.h"
#include "service.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(DANCE_REASON_CODE_MAX <= STATUS_CODE_MAX, "room for a code");

static bool fails(struct status *status, const char *what)
{
    (void)snprintf(status->why, sizeof(status->why), "%s", what);
    return false;
}

/* A worker answers by the page that it sends first. */
static bool worker_answers(struct status *status)
{
    uint8_t message[DANCE_WIRE_PAGE_SIZE];
    uint64_t generation;
    int channel = dance_service_reach(status->path, false);
    int conversation = channel >= 0 ? dance_service_converse(channel) : -1;
    int page = -1;
    ssize_t len = 0;

    if (channel < 0)
        (void)snprintf(status->why, sizeof(status->why), "nobody listens there: %s",
                       strerror(errno));
    else if (conversation < 0 || !dance_service_wait(conversation)
             || (len = dance_receive_fd(conversation, message, sizeof(message), &page)) <= 0
             || !dance_wire_decode_page(message, (size_t)len, &generation))
        (void)fails(status, "it does not answer: see its log");
    if (page >= 0)
        (void)close(page);
    if (conversation >= 0)
        (void)close(conversation);
    if (channel >= 0)
        (void)close(channel);
    return status->why[0] == '\0';
}

/* The next message; its length, or 0 where there is none. */
static size_t receive(int fd, uint8_t *message, size_t size)
{
    ssize_t len;
    int with = -1;

    if (!dance_service_wait(fd))
        return 0;
    len = dance_receive_fd(fd, message, size, &with);
    if (with >= 0)
        (void)close(with);
    return len > 0 ? (size_t)len : 0;
}

/* What comes of itself to who has a name. */
static bool read_all(struct status *status, int fd)
{
    static uint8_t message[DANCE_WIRE_STATUS_OF_USER_MAX];
    size_t len = receive(fd, message, sizeof(message));

    if (!dance_wire_decode_status(message, len, &status->head))
        return fails(status,
                     "it does not say how it is: it is older than this command, or too busy");
    status->user = calloc(status->head.follow + (size_t)1, sizeof(*status->user));
    if (status->user == NULL)
        return fails(status, "out of memory");
    status->told = true;
    for (; status->count < status->head.follow; status->count++) {
        len = receive(fd, message, sizeof(message));
        if (!dance_wire_decode_status_of_user(message, len, &status->user[status->count]))
            return fails(status, "it did not tell of all users");
    }
    return true;
}

static bool is_own(pid_t pid, bool own)
{
    (void)pid;
    return own;
}

static bool users_are_well(struct status *status)
{
    char name[STATUS_USER_MAX];

    for (size_t i = 0; i < status->count; i++) {
        const struct dance_wire_status_of_user *u = &status->user[i];

        if (u->state != DANCE_WORKER_BROKEN && u->state != DANCE_WORKER_STUCK)
            continue;
        status_user_name(name, u->uid);
        if (u->state == DANCE_WORKER_BROKEN)
            (void)snprintf(status->why, sizeof(status->why), "DNS cannot be set up: %s", u->fault);
        else
            (void)snprintf(status->why, sizeof(status->why), "the worker of user %s is stuck",
                           name);
        return false;
    }
    return true;
}

bool status_ask(struct status *status, const char *path)
{
    bool answers;
    int fd;

    *status = (struct status){.path = path, .others = dance_resolvers_count(is_own)};
    answers = worker_answers(status);
    fd = dance_service_reach(path, true);
    if (fd >= 0 && read_all(status, fd))
        (void)users_are_well(status);
    else if (fd < 0 && answers)
        (void)snprintf(status->why, sizeof(status->why), "nobody listens there any more: %s",
                       strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return status->why[0] == '\0';
}

void status_free(struct status *status)
{
    free(status->user);
    status->user = NULL;
}

void status_user_name(char name[STATUS_USER_MAX], uint32_t uid)
{
    const struct passwd *entry = getpwuid((uid_t)uid);

    if (entry != NULL)
        (void)snprintf(name, STATUS_USER_MAX, "%s", entry->pw_name);
    else
        (void)snprintf(name, STATUS_USER_MAX, "%lu", (unsigned long)uid);
}

void status_reason(char code[STATUS_CODE_MAX], unsigned place)
{
    dance_reason_code((enum dance_reason)((unsigned)DANCE_R_BEFORE_FIRST + place), code);
    if (place > 0 && strcmp(code, "none") == 0)
        (void)snprintf(code, STATUS_CODE_MAX, "reason-%u", place);
}

const char *status_worker(const struct dance_wire_status_of_user *user)
{
    static const char *const names[] = {
        [DANCE_WORKER_NONE] = "none",   [DANCE_WORKER_BEGINS] = "begins",
        [DANCE_WORKER_READY] = "ready", [DANCE_WORKER_BROKEN] = "broken",
        [DANCE_WORKER_STUCK] = "stuck",
    };

    return names[user->state];
}
