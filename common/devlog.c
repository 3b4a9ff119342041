/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "devlog.h"

#include "kept_fd.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct dance_kept_fd kept = DANCE_KEPT_FD_NONE;

/* A socket that is connected to the daemon, or -1 with errno. */
static int reach(void)
{
    static const struct sockaddr_un daemon = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error;

    if (fd < 0 || connect(fd, (const struct sockaddr *)&daemon, sizeof(daemon)) == 0)
        return fd;
    error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}

/* As glibc's syslog() writes it; %b of strftime() would speak the application's language. */
static void describe(char *out, size_t size, int priority)
{
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct timespec now = {0, 0};
    struct tm local;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (localtime_r(&now.tv_sec, &local) == NULL)
        (void)snprintf(out, size, "<%d>dance[%ld]: ", priority, (long)getpid());
    else
        (void)snprintf(out, size, "<%d>%s %2d %02d:%02d:%02d dance[%ld]: ", priority,
                       months[local.tm_mon % 12], local.tm_mday, local.tm_hour, local.tm_min,
                       local.tm_sec, (long)getpid());
}

static int send_line(int fd, int priority, const char *text)
{
    char head[80];
    struct iovec parts[2] = {{head, 0}, {(void *)(uintptr_t)text, strlen(text)}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    describe(head, sizeof(head), priority);
    parts[0].iov_len = strlen(head);
    while (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno != EINTR)
            return errno;
    }
    return 0;
}

/* With the lock held: what is kept, and -1 with errno when nothing can be. */
static int renew(void)
{
    int fd = reach();

    if (fd < 0)
        return -1;
    dance_kept_fd_close(&kept);
    kept = dance_kept_fd_keep(fd);
    return kept.fd;
}

/* With the lock held. */
static int send_kept(int priority, const char *text)
{
    int error = ENOTCONN;

    if (dance_kept_fd_valid(&kept))
        error = send_line(kept.fd, priority, text);
    else
        kept.fd = -1; /* or the new one, of the same number, would be closed as this */
    if (error == 0 || error == EAGAIN)
        return error;
    return renew() >= 0 ? send_line(kept.fd, priority, text) : errno;
}

int dance_devlog_open(void)
{
    char head[80];
    int error = 0;

    describe(head, sizeof(head), 0); /* the time zone's file as well */
    if (pthread_mutex_trylock(&lock) != 0)
        return 0;
    if (!dance_kept_fd_valid(&kept)) {
        kept.fd = -1;
        error = renew() >= 0 ? 0 : errno;
    }
    (void)pthread_mutex_unlock(&lock);
    return error;
}

void dance_devlog_close(void)
{
    (void)pthread_mutex_lock(&lock);
    dance_kept_fd_close(&kept);
    (void)pthread_mutex_unlock(&lock);
}

int dance_devlog_send(int priority, const char *text)
{
    int error;
    int fd;

    if (pthread_mutex_trylock(&lock) == 0) {
        error = send_kept(priority, text);
        (void)pthread_mutex_unlock(&lock);
        return error;
    }
    /* Another thread sends, or did when this process was forked: by a socket for this line. */
    fd = reach();
    if (fd < 0)
        return errno;
    error = send_line(fd, priority, text);
    (void)close(fd);
    return error;
}
