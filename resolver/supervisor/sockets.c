/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/sockets.h"

#include "socket_kind.h"
#include "uid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SYSTEMD_FD 3

/* A socket that nobody answers on any more is in the way; a living one, or no socket, stays. */
static void remove_stale(const struct sockaddr_un *address)
{
    struct stat st;
    int fd;

    if (lstat(address->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0
        && errno == ECONNREFUSED)
        (void)unlink(address->sun_path);
    (void)close(fd);
}

int socket_listen(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t before;
    int fd;

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    remove_stale(&address);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /*
     * Whoever may run a TLS server may ask: answers are public data. The mode is the socket's
     * before it has a name; the umask still takes from it, and what the name stands for later may
     * be something else.
     */
    before = umask(0);
    if (fd >= 0
        && (fchmod(fd, 0666) != 0
            || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0
            || listen(fd, SOMAXCONN) != 0)) {
        int failure = errno;

        (void)close(fd);
        errno = failure;
        fd = -1;
    }
    (void)umask(before);
    return fd;
}

int socket_from_systemd(int number)
{
    const char *pid = getenv("LISTEN_PID");
    const char *fds = getenv("LISTEN_FDS");
    int fd = SYSTEMD_FD + number;
    char *end = NULL;
    long count;

    if (pid == NULL || fds == NULL || strtol(pid, &end, 10) != (long)getpid() || *end != '\0')
        return -1;
    count = strtol(fds, &end, 10);
    if (*end != '\0' || number >= count || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0
        || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
        return -1;
    return fd;
}

bool socket_user(int fd, uid_t *uid)
{
    struct ucred who = {0};
    socklen_t size = sizeof(who);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
        return false;
    *uid = who.uid;
    /* Several users of other namespaces would be one. */
    return who.uid != dance_uid_of_unmapped();
}
