/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/complaints.h"

#include "log.h"

#include <pthread.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

/* A network that is down makes libunbound repeat itself: so many lines in so many seconds. */
#define LINES_MAX 10
#define INTERVAL 10

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *stream;
static FILE *real_stderr;
static char first[256];
static time_t interval;
static unsigned lines;

/* "[time] libunbound[pid:thread] error: text" -> "text"; other lines as they are. */
static const char *without_prefix(const char *line)
{
    const char *p = strstr(line, "libunbound[");
    const char *error = p != NULL ? strstr(p, "] error: ") : NULL;

    return error != NULL ? error + strlen("] error: ") : line;
}

static void take_line(const char *line)
{
    enum dance_log_level level = strstr(line, "error") != NULL || strstr(line, "fatal") != NULL
                                     ? DANCE_LOG_ERROR
                                     : DANCE_LOG_DEBUG;
    const char *text = without_prefix(line);
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec - interval >= INTERVAL) {
        interval = now.tv_sec;
        lines = 0;
    }
    if (level == DANCE_LOG_ERROR && first[0] == '\0')
        (void)snprintf(first, sizeof(first), "%.*s", (int)sizeof(first) - 1, text);
    if (lines++ < LINES_MAX)
        dance_log(level, "resolver: libunbound: %s", text);
}

/* A write to the stream, which is buffered by line: whole lines, but for very long ones. */
static ssize_t on_write(void *cookie, const char *data, size_t size)
{
    char line[512];
    size_t used = 0;

    (void)cookie;
    (void)pthread_mutex_lock(&lock);
    for (size_t i = 0; i < size; i++) {
        if (data[i] != '\n' && used + 1 < sizeof(line))
            line[used++] = data[i];
        if ((data[i] == '\n' || i + 1 == size) && used > 0) {
            line[used] = '\0';
            take_line(line);
            used = 0;
        }
    }
    (void)pthread_mutex_unlock(&lock);
    return (ssize_t)size;
}

FILE *complaints_open(void)
{
    stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = on_write});
    if (stream == NULL)
        return NULL;
    (void)setvbuf(stream, NULL, _IOLBF, BUFSIZ);
    first[0] = '\0';
    interval = 0;
    lines = 0;
    /* The parser of unbound.conf and ub_ctx_create() know no other stream. */
    real_stderr = stderr;
    stderr = stream;
    return stream;
}

void complaints_close(void)
{
    if (stream == NULL)
        return;
    stderr = real_stderr;
    (void)fclose(stream);
    stream = NULL;
}

void complaints_first(char *out, size_t size)
{
    if (stream != NULL)
        (void)fflush(stream);
    (void)pthread_mutex_lock(&lock);
    (void)snprintf(out, size, "%s", first);
    (void)pthread_mutex_unlock(&lock);
}
