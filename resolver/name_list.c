/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "name_list.h"

#include "dance_wire.h"
#include "log.h"
#include "owner_name.h"
#include "wanted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of all lists together, however often a name is on one: every worker of a server may send its own.
 */
#define LISTED_MAX 2000000u

static size_t listed;

struct name_list {
    size_t count;
    struct wanted *wanted[];
};

/*
 * A file in memory that nobody can change, or make shorter while it is read.
 * The seals come first: another kind of file could keep even fstat() waiting.
 */
static bool is_sealed(int fd, struct stat *st)
{
    const int wanted = F_SEAL_WRITE | F_SEAL_SHRINK;
    int seals = fcntl(fd, F_GET_SEALS);

    return seals >= 0 && (seals & wanted) == wanted && fstat(fd, st) == 0 && S_ISREG(st->st_mode)
           && st->st_size >= 0 && st->st_size <= (off_t)DANCE_WIRE_LIST_MAX;
}

static char *slurp(int fd, size_t *len)
{
    struct stat st;
    char *text;
    size_t got = 0;

    if (!is_sealed(fd, &st))
        return NULL;
    text = malloc((size_t)st.st_size + 1);
    while (text != NULL && got < (size_t)st.st_size) {
        ssize_t n = pread(fd, text + got, (size_t)st.st_size - got, (off_t)got);

        if (n <= 0 && (n == 0 || errno != EINTR))
            break;
        got += n > 0 ? (size_t)n : 0;
    }
    *len = got;
    return text;
}

/* The number of names, or -1 when anything in it is not one. */
static long count_names(const char *text, size_t len)
{
    const char *begin = text;
    long count = 0;

    for (const char *at = text; at < text + len; at++) {
        if (*at != '\n')
            continue;
        if (dance_owner_name_fault(begin, (size_t)(at - begin)) != NULL)
            return -1;
        count++;
        begin = at + 1;
    }
    return begin == text + len && count <= (long)DANCE_WIRE_LIST_NAMES_MAX ? count : -1;
}

static void hold_all(struct name_list *list, const char *text, size_t len, long long now_ms)
{
    const char *begin = text;
    size_t left_out = 0;

    for (const char *at = text; at < text + len; at++) {
        char name[DANCE_NAME_MAX + 1];
        struct wanted *w;

        if (*at != '\n')
            continue;
        dance_owner_name_lower(name, begin, (size_t)(at - begin));
        w = wanted_hold(name, (size_t)(at - begin), now_ms);
        if (w != NULL)
            list->wanted[list->count++] = w;
        else
            left_out++;
        begin = at + 1;
    }
    if (left_out > 0)
        dance_log(DANCE_LOG_ERROR,
                  "resolver: %zu names are not looked up ahead: there are too many", left_out);
}

struct name_list *name_list_hold(int fd, long long now_ms)
{
    struct name_list *list = NULL;
    size_t len = 0;
    char *text = slurp(fd, &len);
    long count = text != NULL ? count_names(text, len) : -1;

    if (count >= 0 && listed + (size_t)count <= LISTED_MAX)
        list = calloc(1, sizeof(*list) + (size_t)count * sizeof(struct wanted *));
    if (list != NULL) {
        hold_all(list, text, len, now_ms);
        listed += list->count;
        dance_log(DANCE_LOG_DEBUG, "resolver: %zu names are looked up ahead", list->count);
    }
    free(text);
    return list;
}

void name_list_release(struct name_list *list, long long now_ms)
{
    for (size_t i = 0; i < list->count; i++)
        wanted_release(list->wanted[i], now_ms);
    listed -= list->count;
    free(list);
}
