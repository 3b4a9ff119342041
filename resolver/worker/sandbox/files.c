/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/sandbox/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * What <linux/landlock.h> of Debian 12 does not know yet. The kernel takes a
 * structure that is longer than its own, if what is beyond is zero.
 */
struct ruleset {
    uint64_t handled_fs;
    uint64_t handled_net;
    uint64_t scoped;
};
#define SCOPED_ABSTRACT_SOCKETS (1u << 0)
#define SCOPED_SIGNALS (1u << 1)
#define SCOPED_SINCE 6

/* Rights on files are bits from 0 on; how many there are since which version: 2 has REFER, 3
 * TRUNCATE, 5 IOCTL_DEV. */
static uint64_t all_rights(long version)
{
    static const unsigned char rights[] = {0, 13, 14, 15, 15, 16};
    const long known = (long)sizeof(rights) - 1;

    return (1u << rights[version < known ? version : known]) - 1;
}

static int allow_beneath(int ruleset, const char *path, uint64_t rights)
{
    struct landlock_path_beneath_attr beneath = {.allowed_access = rights};
    int error = 0;

    beneath.parent_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (beneath.parent_fd < 0)
        return 0; /* what is not there needs no leave */
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0)
        error = errno;
    (void)close(beneath.parent_fd);
    return error;
}

/* The log is opened anew after a rotation. */
static int allow_log(int ruleset, const char *log)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(log, '/');
    size_t len = slash != NULL ? (size_t)(slash - log) + 1 : 0;

    if (len == 0 || len >= sizeof(folder))
        return 0;
    memcpy(folder, log, len);
    folder[len] = '\0';
    return allow_beneath(ruleset, folder,
                         LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG);
}

int files_confine(bool reads, const char *log)
{
    struct ruleset rules = {0, 0, 0};
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    int error = 0;
    int ruleset;

    if (version < 1)
        return ENOSYS;
    rules.handled_fs = all_rights(version);
    if (version >= SCOPED_SINCE)
        rules.scoped = SCOPED_ABSTRACT_SOCKETS | SCOPED_SIGNALS;
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
    if (ruleset < 0)
        return errno;
    if (reads)
        error =
            allow_beneath(ruleset, "/", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
    if (error == 0 && log != NULL)
        error = allow_log(ruleset, log);
    if (error == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        error = errno;
    (void)close(ruleset);
    return error;
}
