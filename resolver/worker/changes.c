/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/changes.h"

#include "log.h"
#include "now.h"
#include "stamp.h"
#include "worker/dns/dns.h"

#include <sys/timerfd.h>
#include <unistd.h>

#define FILES_MAX 3
#define BROKEN_MS 10000

static struct {
    const char *path;
    struct dance_file_stamp stamp;
} files[FILES_MAX];
static size_t count;
static int calendar = -1;
static long long looked_ms;
static long long again_ms; /* 0: nothing is broken */

static void add(const char *path)
{
    files[count].path = path;
    (void)dance_file_stamp(path, &files[count].stamp);
    count++;
}

void changes_open(const struct options *options)
{
    /* So far away that it is the setting alone that ends it. */
    struct itimerspec never = {.it_value = {(time_t)1 << 33, 0}};

    count = 0;
    again_ms = 0;
    looked_ms = dance_now_ms();
    for (const char *const *path = dns_files(options); *path != NULL && count < FILES_MAX; path++)
        add(*path);
    calendar = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (calendar >= 0)
        (void)timerfd_settime(calendar, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

void changes_close(void)
{
    if (calendar >= 0)
        (void)close(calendar);
    calendar = -1;
}

void changes_broken(bool broken)
{
    again_ms = broken ? dance_now_ms() + BROKEN_MS : 0;
}

int changes_fd(void)
{
    return calendar;
}

bool changes_seen(long long now_ms)
{
    struct dance_file_stamp stamp;

    if (again_ms != 0 && now_ms >= again_ms)
        return true;
    if (now_ms - looked_ms < DANCE_FILES_INTERVAL_MS)
        return false;
    looked_ms = now_ms;
    for (size_t i = 0; i < count; i++) {
        (void)dance_file_stamp(files[i].path, &stamp);
        if (!dance_file_stamp_differs(&stamp, &files[i].stamp))
            continue;
        dance_log(DANCE_LOG_INFO, "resolver: %s has changed, the worker begins anew",
                  files[i].path);
        return true;
    }
    return false;
}
