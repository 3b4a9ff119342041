/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SYSTEMD_FD 3

static bool has(int fd, int option, int wanted)
{
    int value = -1;
    socklen_t size = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

bool socket_is_ours(int fd, bool listening)
{
    return has(fd, SO_DOMAIN, AF_UNIX) && has(fd, SO_TYPE, SOCK_SEQPACKET)
           && has(fd, SO_ACCEPTCONN, listening);
}

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
    int fd;

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    remove_stale(&address);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0
        && (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0
            /* Whoever may run a TLS server may ask: answers are public data. */
            || chmod(path, 0666) != 0 || listen(fd, SOMAXCONN) != 0)) {
        int failure = errno;

        (void)close(fd);
        errno = failure;
        fd = -1;
    }
    return fd;
}

int socket_from_systemd(void)
{
    const char *pid = getenv("LISTEN_PID");
    const char *fds = getenv("LISTEN_FDS");
    char *end = NULL;

    if (pid == NULL || fds == NULL || strtol(pid, &end, 10) != (long)getpid() || *end != '\0'
        || strcmp(fds, "1") != 0 || !socket_is_ours(SYSTEMD_FD, true))
        return -1;
    if (fcntl(SYSTEMD_FD, F_SETFD, FD_CLOEXEC) != 0
        || fcntl(SYSTEMD_FD, F_SETFL, fcntl(SYSTEMD_FD, F_GETFL) | O_NONBLOCK) != 0)
        return -1;
    return SYSTEMD_FD;
}
