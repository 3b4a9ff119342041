/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include "devlog.h"
#include "kept_fd.h"
#include "last_resort.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_OCTETS 1536 /* of a sentence */
#define PREFIX "dance: "

/* Set once, before the first line. */
static struct {
    enum dance_log_target target;
    enum dance_log_level level;
    const char *file;
} setting;

static atomic_int failure; /* the errno with which the last line was lost; 0: it was written */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct dance_kept_fd opened = DANCE_KEPT_FD_NONE;

void dance_log_configure(enum dance_log_target target, const char *file, enum dance_log_level level)
{
    dance_last_resort_note();
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

/*
 * With the lock held. A file that cannot be opened again keeps the one that is open. -1 with errno
 * when there is none.
 */
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

void dance_log_close(void)
{
    (void)pthread_mutex_lock(&lock);
    dance_kept_fd_close(&opened);
    dance_log_configure(DANCE_LOG_NONE, NULL, DANCE_LOG_ERROR);
    (void)pthread_mutex_unlock(&lock);
    dance_devlog_close();
}

static int write_line(int fd, const char *line, size_t len)
{
    ssize_t written = write(fd, line, len);

    return written == (ssize_t)len ? 0 : written < 0 ? errno : ENOSPC;
}

/* 0, or the errno with which the line is lost. */
static int write_file(const char *text)
{
    char line[LINE_MAX_OCTETS + DANCE_LOG_FIELDS_MAX + 64];
    struct timespec now;
    struct tm utc;
    char when[32] = "";
    int error = 0;
    int fd;
    int len;

    if (clock_gettime(CLOCK_REALTIME, &now) == 0 && gmtime_r(&now.tv_sec, &utc) != NULL)
        (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ ", &utc);
    len = snprintf(line, sizeof(line), "%s[%ld] %s\n", when, (long)getpid(), text);
    if (len < 0)
        return EINVAL;
    if ((size_t)len >= sizeof(line))
        len = (int)sizeof(line) - 1;
    /*
     * trylock: a process that was forked while another thread held the lock
     * must not wait for ever. The line is then written to the file as it is.
     */
    errno = 0;
    if (pthread_mutex_trylock(&lock) == 0) {
        fd = log_file();
        error = fd >= 0 ? write_line(fd, line, (size_t)len) : errno;
        (void)pthread_mutex_unlock(&lock);
    } else if (dance_kept_fd_valid(&opened)) {
        error = write_line(opened.fd, line, (size_t)len);
    }
    return error;
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

/* 0, or the errno with which the line is lost. */
static int put(enum dance_log_level level, char *line)
{
    static const int priority[] = {LOG_ERR, LOG_INFO, LOG_DEBUG};
    size_t used = strlen(line);

    switch (setting.target) {
    case DANCE_LOG_FILE:
        return write_file(line);
    case DANCE_LOG_SYSLOG:
        return dance_devlog_send(LOG_AUTHPRIV | priority[level], line + strlen(PREFIX));
    case DANCE_LOG_STDERR:
        line[used] = '\n';
        (void)!write(STDERR_FILENO, line, used + 1);
        line[used] = '\0';
        break;
    case DANCE_LOG_NONE:
        break;
    }
    return 0;
}

/* What this process has lost; a child is not to say what its parent did. */
static struct {
    _Atomic(pid_t) pid;
    atomic_uint lines;
    atomic_uint untold; /* likewise, of dance_log_take_lost() */
} lost;

static void count_lost(void)
{
    if (atomic_exchange(&lost.pid, getpid()) != getpid()) {
        atomic_store(&lost.lines, 0);
        atomic_store(&lost.untold, 0);
    }
    (void)atomic_fetch_add(&lost.lines, 1);
    (void)atomic_fetch_add(&lost.untold, 1);
}

unsigned dance_log_take_lost(void)
{
    if (atomic_load(&lost.untold) == 0 || atomic_load(&lost.pid) != getpid())
        return 0;
    return atomic_exchange(&lost.untold, 0);
}

static void describe_failure(char *text, size_t size, int error)
{
    bool file = setting.target == DANCE_LOG_FILE;

    (void)snprintf(text, size, "log = %.1000s: %s%s", file ? setting.file : "syslog",
                   file ? "" : "/dev/log: ", strerror(error));
}

bool dance_log_fails(char *text, size_t size)
{
    int error = atomic_load(&failure);

    if (error != 0)
        describe_failure(text, size, error);
    return error != 0;
}

/* line: the one that is lost by it, or NULL. Each is said once in a process. */
static void say_failure(int error, const char *line)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;
    static atomic_flag said_line = ATOMIC_FLAG_INIT;
    char what[LINE_MAX_OCTETS];
    char text[2 * LINE_MAX_OCTETS + DANCE_LOG_FIELDS_MAX + 128];
    bool news = !atomic_flag_test_and_set(&said);

    if (line != NULL ? atomic_flag_test_and_set(&said_line) : !news)
        return;
    describe_failure(what, sizeof(what), error);
    if (line == NULL)
        (void)snprintf(text, sizeof(text), PREFIX "%s; lines are lost, which is said this once\n",
                       what);
    else if (news)
        (void)snprintf(text, sizeof(text),
                       PREFIX
                       "%s; lines are lost, which is said this once, with the first of them: "
                       "%s\n",
                       what, line + strlen(PREFIX));
    else
        (void)snprintf(text, sizeof(text), PREFIX "the first line that is lost: %s\n",
                       line + strlen(PREFIX));
    dance_last_resort_say(text);
}

void dance_log_open(void)
{
    int kept_errno = errno;
    int error = 0;

    if (setting.target == DANCE_LOG_SYSLOG)
        error = dance_devlog_open();
    if (setting.target == DANCE_LOG_FILE && pthread_mutex_trylock(&lock) == 0) {
        errno = 0;
        error = log_file() >= 0 ? 0 : errno;
        (void)pthread_mutex_unlock(&lock);
    }
    atomic_store(&failure, error);
    if (error != 0)
        say_failure(error, NULL);
    errno = kept_errno;
}

static void say_how_many(void)
{
    char text[128];
    unsigned lines;

    if (atomic_load(&lost.pid) != getpid() || (lines = atomic_exchange(&lost.lines, 0)) == 0)
        return;
    (void)snprintf(text, sizeof(text), PREFIX "%u lines are lost: the log could not be written",
                   lines);
    if (put(DANCE_LOG_ERROR, text) != 0)
        (void)atomic_fetch_add(&lost.lines, lines);
}

__attribute__((format(printf, 3, 0))) static void
say(enum dance_log_level level, const char *fields, const char *format, va_list args)
{
    char text[LINE_MAX_OCTETS];
    char line[LINE_MAX_OCTETS + DANCE_LOG_FIELDS_MAX] = PREFIX;
    int kept_errno = errno;
    size_t used;
    int error;

    if (setting.target == DANCE_LOG_NONE || level > setting.level)
        return;
    (void)vsnprintf(text, sizeof(text), format, args);
    escape(line + strlen(PREFIX), LINE_MAX_OCTETS - strlen(PREFIX), text);
    used = strlen(line);
    if (*fields != '\0')
        (void)snprintf(line + used, sizeof(line) - used - 1, "; %s", fields);
    error = put(level, line);
    atomic_store(&failure, error);
    if (error != 0) {
        count_lost();
        say_failure(error, line);
    } else {
        say_how_many();
    }
    errno = kept_errno;
}

void dance_log(enum dance_log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(level, "", format, args);
    va_end(args);
}

void dance_log_fields(enum dance_log_level level, const char *fields, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(level, fields, format, args);
    va_end(args);
}
