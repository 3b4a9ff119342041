/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "privileges.h"

#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

int privileges_drop(const char *user, const char **why)
{
    const struct passwd *who = NULL;

    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (geteuid() != 0)
        return 1;
    *why = "there is no user to become instead of root";
    if (user != NULL) {
        who = getpwnam(user);
    } else {
        who = getpwnam("dance");
        if (who == NULL)
            who = getpwnam("nobody");
    }
    if (who == NULL)
        return 0;
    *why = "root cannot be given up";
    return setgroups(0, NULL) == 0 && setresgid(who->pw_gid, who->pw_gid, who->pw_gid) == 0
           && setresuid(who->pw_uid, who->pw_uid, who->pw_uid) == 0
           && (who->pw_uid == 0 || (setuid(0) != 0 && geteuid() != 0));
}
