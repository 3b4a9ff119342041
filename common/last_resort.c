/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "last_resort.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct stat at_first; /* st_mode 0: there was none */

void dance_last_resort_note(void)
{
    static atomic_flag noted = ATOMIC_FLAG_INIT;

    if (!atomic_flag_test_and_set(&noted) && fstat(STDERR_FILENO, &at_first) != 0)
        at_first.st_mode = 0;
}

static bool is_local_socket(void)
{
    int domain = 0;
    socklen_t len = sizeof(domain);

    return getsockopt(STDERR_FILENO, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0
           && domain == AF_UNIX;
}

static bool is_stderr(const struct stat *now)
{
    if (isatty(STDERR_FILENO)
        || (S_ISREG(now->st_mode) && (fcntl(STDERR_FILENO, F_GETFL) & O_APPEND) != 0))
        return true;
    return at_first.st_mode != 0 && at_first.st_dev == now->st_dev && at_first.st_ino == now->st_ino
           && (!S_ISSOCK(now->st_mode) || is_local_socket());
}

void dance_last_resort_say(const char *text)
{
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    size_t len = strlen(text);
    struct stat now;

    if (fstat(STDERR_FILENO, &now) != 0 || !is_stderr(&now))
        return;
    if (S_ISSOCK(now.st_mode))
        (void)!send(STDERR_FILENO, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    /* A pipe that nobody reads any more would end the process, one that is full stop it. */
    else if (poll(&ready, 1, 0) == 1 && ready.revents == POLLOUT)
        (void)!write(STDERR_FILENO, text, len);
}
