/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/user.h"

#include "uid.h"

#include <stdlib.h>

#define LOGIN_UID_MAX 65535u
/* Users that have nothing any more, of whom is still known what was counted. */
#define REMEMBERED_MAX 64u

static LIST_HEAD(user_list, user) users = LIST_HEAD_INITIALIZER(users);

struct user *user_first(void)
{
    return LIST_FIRST(&users);
}

struct user *user_find(uid_t uid, int poller)
{
    struct user *u;

    LIST_FOREACH(u, &users, all)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (u->uid == uid)
            return u->page.fd >= 0 || dance_generation_make(&u->page) ? u : NULL;
    }
    u = calloc(1, sizeof(*u));
    if (u == NULL)
        return NULL;
    u->figures = figures_make();
    if (u->figures == NULL || !dance_generation_make(&u->page)) {
        figures_free(u->figures);
        free(u);
        return NULL;
    }
    u->uid = uid;
    channels_open(&u->channels, poller, u);
    LIST_INSERT_HEAD(&users, u, all);
    return u;
}

static bool is_used(const struct user *u)
{
    return u->channels.count > 0 || u->worker != NULL || u->lost > 0 || u->checkers.running > 0;
}

void user_free(struct user *user)
{
    LIST_REMOVE(user, all);
    dance_generation_free(&user->page);
    figures_free(user->figures);
    free(user);
}

/* Whoever has a process for each connection comes again, and is counted on. */
void user_remember_unless_used(struct user *user)
{
    struct user *oldest = NULL;
    struct user *u;
    unsigned remembered = 0;

    if (is_used(user))
        return;
    dance_generation_free(&user->page);
    LIST_REMOVE(user, all);
    LIST_INSERT_HEAD(&users, user, all);
    LIST_FOREACH(u, &users, all)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (is_used(u))
            continue;
        remembered++;
        oldest = u;
    }
    if (remembered > REMEMBERED_MAX)
        user_free(oldest);
}

unsigned user_rank(uid_t uid)
{
    if (uid <= DANCE_UID_SYSTEM_MAX)
        return 0;
    /* Subordinate numbers, as containers have them: one who logs in may be many of these. */
    return uid <= LOGIN_UID_MAX ? 1 : 2;
}

unsigned user_room(unsigned all, uid_t uid)
{
    static const unsigned kept[USER_RANKS] = {8, 4, 2}; /* one part of so many */

    return uid == 0 ? all : all - all / kept[user_rank(uid)];
}

unsigned user_share(unsigned all, uid_t uid)
{
    return uid == 0 ? all : all / 4;
}
