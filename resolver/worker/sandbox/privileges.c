/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/sandbox/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A user other than root may have been given some (systemd's AmbientCapabilities); they outlive
 * execve(). */
static void drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};

    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    /* Never refused: there are only fewer. */
    (void)syscall(SYS_capset, &header, none);
}

static bool is_root(void)
{
    uid_t real = 0;
    uid_t effective = 0;
    uid_t saved = 0;

    return getresuid(&real, &effective, &saved) != 0 || real == 0 || effective == 0 || saved == 0;
}

void privileges_keep_none(void)
{
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    /* Root's are given up with root, after its files were read. */
    if (!is_root())
        drop_capabilities();
}

static const struct passwd *find_user(const char *user)
{
    const struct passwd *who;

    if (user != NULL)
        return getpwnam(user);
    who = getpwnam("dance");
    return who != NULL ? who : getpwnam("nobody");
}

static bool has_become(uid_t uid, gid_t gid)
{
    uid_t u[3] = {0, 0, 0};
    gid_t g[3] = {0, 0, 0};

    if (getresuid(&u[0], &u[1], &u[2]) != 0 || getresgid(&g[0], &g[1], &g[2]) != 0)
        return false;
    for (int i = 0; i < 3; i++) {
        if (u[i] != uid || g[i] != gid)
            return false;
    }
    /* The way back must be closed, unless the operator wants root itself. */
    return uid == 0 || setuid(0) != 0;
}

int privileges_drop(const char *user, const char **why)
{
    const struct passwd *who;

    if (!is_root())
        return 1;
    *why = "there is no user to become instead of root: see --user";
    who = find_user(user);
    if (who == NULL)
        return 0;
    *why = "root cannot be given up";
    /* An application that is root but for the moment starts us like that. */
    if (geteuid() != 0 && seteuid(0) != 0)
        return 0;
    return setgroups(0, NULL) == 0 && setresgid(who->pw_gid, who->pw_gid, who->pw_gid) == 0
           && setresuid(who->pw_uid, who->pw_uid, who->pw_uid) == 0
           && has_become(who->pw_uid, who->pw_gid);
}
