/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/complaints.h"

#include "log.h"
#include "name_hash.h"

#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* A network that is down makes libunbound repeat itself: so many lines in so many seconds. */
#define LINES_MAX 10
#define INTERVAL 10

/* Reasons of failures: of so many names, one in each place. The next that falls there replaces it.
 */
#define REASONS 512u
#define NAME_SIZE 260
#define REASON_SIZE 200

/* A line's first octets; the rest of a longer one is left out. */
#define LINE_SIZE 1024

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *stream;
static FILE *real_stderr;
static int no_memory = -1; /* eventfd */
static char first[256];
static time_t interval;
static unsigned lines;
static char line[LINE_SIZE];
static size_t line_length;
static struct dance_hash_key key;
static struct reason {
    char name[NAME_SIZE];
    char text[REASON_SIZE];
} reasons[REASONS];

/* "[time] libunbound[pid:thread] error: text" -> "text"; other lines as they are. */
static const char *without_prefix(const char *whole)
{
    static const char error[] = "] error: ";
    const char *p = strstr(whole, "libunbound[");
    const char *end = p != NULL ? strchr(p, ']') : NULL;

    return end != NULL && strncmp(end, error, strlen(error)) == 0 ? end + strlen(error) : whole;
}

/*
 * Its words for it, which have been the same from 1.13 to 1.22: "malloc failure", "out of memory
 * for async answer", "could not allocate", and "event_add failed" where libevent had none. They
 * begin the line or follow a few words of libunbound's own; nobody else's are in these lines.
 */
static void heed_no_memory(const char *text)
{
    static const char *const words[] = {"alloc", "out of memory", "event_add failed",
                                        "evtimer_add failed"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasestr(text, words[i]) != NULL)
            (void)eventfd_write(no_memory, 1);
    }
}

static struct reason *reason_of(const char *name, size_t len)
{
    return &reasons[dance_name_hash(&key, name, len) % REASONS];
}

/* "SERVFAIL <NAME TYPE CLASS>: REASON" */
static bool take_servfail(const char *text)
{
    static const char begin[] = "SERVFAIL <";
    const char *name = text + strlen(begin);
    const char *why;
    struct reason *reason;
    size_t len;

    if (strncmp(text, begin, strlen(begin)) != 0)
        return false;
    len = strcspn(name, " ");
    why = strstr(name, ">: ");
    if (why == NULL || len >= NAME_SIZE)
        return true;
    reason = reason_of(name, len);
    (void)snprintf(reason->name, sizeof(reason->name), "%.*s", (int)len, name);
    (void)snprintf(reason->text, sizeof(reason->text), "%.*s", REASON_SIZE - 1, why + 3);
    return true;
}

/* What is said of single names is in their lookups' reasons, and would leave no room for the rest.
 */
static bool is_of_a_name(const char *text)
{
    return take_servfail(text) || strstr(text, " info: validation failure <") != NULL;
}

static void take_line(void)
{
    enum dance_log_level level = strstr(line, "error") != NULL || strstr(line, "fatal") != NULL
                                     ? DANCE_LOG_ERROR
                                     : DANCE_LOG_DEBUG;
    const char *text = without_prefix(line);
    struct timespec now = {0, 0};

    if (is_of_a_name(text))
        return;
    if (text != line)
        heed_no_memory(text);
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
    (void)cookie;
    (void)pthread_mutex_lock(&lock);
    for (size_t i = 0; i < size; i++) {
        if (data[i] != '\n') {
            if (line_length + 1 < sizeof(line))
                line[line_length++] = data[i];
            continue;
        }
        line[line_length] = '\0';
        if (line_length > 0)
            take_line();
        line_length = 0;
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
    no_memory = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    first[0] = '\0';
    interval = 0;
    lines = 0;
    line_length = 0;
    memset(reasons, 0, sizeof(reasons));
    (void)dance_hash_key_make(&key);
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
    if (no_memory >= 0)
        (void)close(no_memory);
    no_memory = -1;
}

int complaints_no_memory_fd(void)
{
    return no_memory;
}

void complaints_first(char *out, size_t size)
{
    if (stream != NULL)
        (void)fflush(stream);
    (void)pthread_mutex_lock(&lock);
    (void)snprintf(out, size, "%s", first);
    (void)pthread_mutex_unlock(&lock);
}

bool complaints_servfail(const char *name, char *out, size_t size)
{
    struct reason *reason = reason_of(name, strlen(name));
    bool found;

    (void)pthread_mutex_lock(&lock);
    found = strcmp(reason->name, name) == 0 && reason->text[0] != '\0';
    if (found) {
        (void)snprintf(out, size, "%s", reason->text);
        reason->name[0] = '\0';
    }
    (void)pthread_mutex_unlock(&lock);
    return found;
}
