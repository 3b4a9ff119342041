/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/sandbox/user.h"

#include <ctype.h>
#include <dirent.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

/* Which systemd, too, takes for users that come and go: no distribution gives them away. */
#define UID_FIRST 61184u
#define UID_LAST 65519u
#define UIDS (UID_LAST - UID_FIRST + 1)

struct user {
    uid_t uid;
    gid_t gid;
};

static bool was_root;

bool sandbox_was_root(void)
{
    return was_root;
}

static bool is_root(void)
{
    uid_t real = 0;
    uid_t effective = 0;
    uid_t saved = 0;

    return getresuid(&real, &effective, &saved) != 0 || real == 0 || effective == 0 || saved == 0;
}

/* The uids of one process. Not the owner of /proc/PID: that is root of whoever is not dumpable. */
static void note_uids(const char *pid, bool taken[UIDS])
{
    char path[64];
    char line[256];
    FILE *status;

    (void)snprintf(path, sizeof(path), "/proc/%.16s/status", pid);
    status = fopen(path, "re");
    if (status == NULL)
        return;
    while (fgets(line, sizeof(line), status) != NULL) {
        /* The real, the effective, the saved one, and that of files. */
        char *at = line + 4;

        if (strncmp(line, "Uid:", 4) != 0)
            continue;
        for (int i = 0; i < 4; i++) {
            unsigned long id = strtoul(at, &at, 10);

            if (id >= UID_FIRST && id <= UID_LAST)
                taken[id - UID_FIRST] = true;
        }
        break;
    }
    (void)fclose(status);
}

static void note_running(bool taken[UIDS])
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;

    if (proc == NULL)
        return; /* a bare chroot: the users that there are, and chance, must do */
    while ((entry = readdir(proc)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]))
            note_uids(entry->d_name, taken);
    }
    (void)closedir(proc);
}

/* A user that owns no file and no other process: what one resolver is, no other service is. */
static bool find_unused(struct user *who)
{
    static bool taken[UIDS];
    uint32_t start = 0;

    note_running(taken);
    if (getrandom(&start, sizeof(start), GRND_NONBLOCK) != (ssize_t)sizeof(start))
        start = (uint32_t)getpid();
    for (unsigned i = 0; i < UIDS; i++) {
        unsigned at = (start + i) % UIDS;

        if (taken[at] || getpwuid(UID_FIRST + at) != NULL || getgrgid(UID_FIRST + at) != NULL)
            continue;
        *who = (struct user){UID_FIRST + at, UID_FIRST + at};
        return true;
    }
    return false;
}

static bool find_user(const char *user, struct user *who)
{
    const struct passwd *entry = getpwnam(user != NULL ? user : "dance");

    if (entry == NULL)
        return user == NULL && find_unused(who);
    *who = (struct user){entry->pw_uid, entry->pw_gid};
    return true;
}

/* What no program executed from here could ever have; refused to who has no CAP_SETPCAP. */
static void drop_bounding_set(void)
{
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

static bool has_become(const struct user *who)
{
    uid_t u[3] = {0, 0, 0};
    gid_t g[3] = {0, 0, 0};

    if (getresuid(&u[0], &u[1], &u[2]) != 0 || getresgid(&g[0], &g[1], &g[2]) != 0)
        return false;
    for (int i = 0; i < 3; i++) {
        if (u[i] != who->uid || g[i] != who->gid)
            return false;
    }
    /* The way back must be closed, unless the operator wants root itself. */
    return who->uid == 0 || setuid(0) != 0;
}

bool sandbox_become(const char *user, const char **why)
{
    struct user who = {0, 0};

    if (!is_root()) {
        drop_bounding_set();
        return true;
    }
    was_root = true;
    *why = "there is no user to become instead of root: see --user";
    if (!find_user(user, &who))
        return false;
    *why = "root cannot be given up";
    /* An application that is root but for the moment starts us like that. */
    if (geteuid() != 0 && seteuid(0) != 0)
        return false;
    drop_bounding_set();
    return setgroups(0, NULL) == 0 && setresgid(who.gid, who.gid, who.gid) == 0
           && setresuid(who.uid, who.uid, who.uid) == 0 && has_become(&who);
}
