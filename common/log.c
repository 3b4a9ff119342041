/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include "kept_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_OCTETS 1024

/* Set once, before the first line. */
static struct {
    enum dance_log_target target;
    enum dance_log_level level;
    const char *file;
} setting;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct dance_kept_fd opened = DANCE_KEPT_FD_NONE;

void dance_log_configure(enum dance_log_target target, const char *file, enum dance_log_level level)
{
    setting.target = target;
    setting.file = file;
    setting.level = level;
}

/* Is what stands at the path still the file that is open? Unknown counts as yes. */
static bool rotated(void)
{
    struct stat st;

    return stat(setting.file, &st) == 0 ? (st.st_dev != opened.dev || st.st_ino != opened.ino)
                                        : errno == ENOENT;
}

/* With the lock held. A file that cannot be opened again keeps the one that is open. */
static int log_file(void)
{
    struct dance_kept_fd fresh;

    if (!dance_kept_fd_valid(&opened))
        opened.fd = -1; /* or the new one, of the same file and number, would be closed as this */
    else if (!rotated())
        return opened.fd;
    fresh = dance_kept_fd_keep(open(
        setting.file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640));
    if (fresh.fd >= 0) {
        dance_kept_fd_close(&opened);
        opened = fresh;
    }
    return dance_kept_fd_valid(&opened) ? opened.fd : -1;
}

void dance_log_open(void)
{
    int kept_errno = errno;

    if (setting.target == DANCE_LOG_FILE && pthread_mutex_trylock(&lock) == 0) {
        (void)log_file();
        (void)pthread_mutex_unlock(&lock);
    }
    errno = kept_errno;
}

void dance_log_close(void)
{
    (void)pthread_mutex_lock(&lock);
    dance_kept_fd_close(&opened);
    dance_log_configure(DANCE_LOG_NONE, NULL, DANCE_LOG_ERROR);
    (void)pthread_mutex_unlock(&lock);
}

static void write_file(const char *text)
{
    char line[LINE_MAX_OCTETS + 64];
    struct timespec now;
    struct tm utc;
    char when[32] = "";
    int fd;
    int len;

    if (clock_gettime(CLOCK_REALTIME, &now) == 0 && gmtime_r(&now.tv_sec, &utc) != NULL)
        (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ ", &utc);
    len = snprintf(line, sizeof(line), "%s[%ld] %s\n", when, (long)getpid(), text);
    if (len < 0)
        return;
    if ((size_t)len >= sizeof(line))
        len = (int)sizeof(line) - 1;
    /*
     * trylock: a process that was forked while another thread held the lock
     * must not wait for ever. The line is then written to the file as it is.
     */
    if (pthread_mutex_trylock(&lock) == 0) {
        fd = log_file();
        if (fd >= 0)
            (void)!write(fd, line, (size_t)len);
        (void)pthread_mutex_unlock(&lock);
    } else if (dance_kept_fd_valid(&opened)) {
        (void)!write(opened.fd, line, (size_t)len);
    }
}

/* Copy text, everything that does not print escaped. */
static void escape(char *out, size_t size, const char *text)
{
    size_t at = 0;

    for (; *text != '\0' && at + 5 < size; text++) {
        unsigned char c = (unsigned char)*text;

        if (c >= 0x20 && c < 0x7f)
            out[at++] = (char)c;
        else
            at += (size_t)snprintf(out + at, size - at, "\\x%02x", c);
    }
    out[at] = '\0';
}

void dance_log(enum dance_log_level level, const char *format, ...)
{
    static const int priority[] = {LOG_ERR, LOG_INFO, LOG_DEBUG};
    char text[LINE_MAX_OCTETS];
    char line[LINE_MAX_OCTETS];
    int kept_errno = errno;
    va_list args;
    size_t used;

    if (setting.target == DANCE_LOG_NONE || level > setting.level)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    memcpy(line, "dance: ", sizeof("dance: "));
    escape(line + strlen(line), sizeof(line) - strlen(line) - 1, text);
    if (setting.target == DANCE_LOG_FILE) {
        write_file(line);
    } else if (setting.target == DANCE_LOG_SYSLOG) {
        syslog(LOG_AUTHPRIV | priority[level], "%s", line);
    } else {
        used = strlen(line);
        line[used++] = '\n';
        (void)!write(STDERR_FILENO, line, used);
    }
    errno = kept_errno;
}
