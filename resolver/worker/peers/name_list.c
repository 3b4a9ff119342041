/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/peers/name_list.h"

#include "dance_wire.h"
#include "log.h"
#include "owner_name.h"
#include "worker/lookups/wanted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of all lists together, however often a name is on one: every worker of a server may send its own.
 */
#define LISTED_MAX 8000000u
/* What is done of a list before others have their turn: less than a millisecond. */
#define SLICE_OCTETS 65536u
#define SLICE_NAMES 1000u

enum state {
    CHECKING, /* first all of it: a list with a fault holds nothing */
    HOLDING,
    READ, /* nothing to do */
    RELEASING
};

struct name_list {
    TAILQ_ENTRY(name_list) work; /* unless READ */
    enum state state;
    void *owner;
    int fd; /* -1 when it has been read */
    size_t size;
    size_t at; /* octets done */
    size_t names;
    size_t held; /* of them, in wanted[] */
    struct name **wanted;
};

typedef bool take_name(struct name_list *list, const char *name, size_t len, long long now_ms);

static TAILQ_HEAD(name_list_queue, name_list) queue = TAILQ_HEAD_INITIALIZER(queue);
static size_t listed;

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

struct name_list *name_list_open(int fd, void *owner)
{
    struct name_list *list;
    struct stat st;

    if (!is_sealed(fd, &st))
        return NULL;
    list = calloc(1, sizeof(*list));
    if (list == NULL)
        return NULL;
    list->fd = fd;
    list->owner = owner;
    list->size = (size_t)st.st_size;
    TAILQ_INSERT_TAIL(&queue, list, work);
    return list;
}

/* Take the names of the next slice. false: here stands none, or take() does not want it. */
static bool read_slice(struct name_list *list, take_name *take, long long now_ms)
{
    static char text[SLICE_OCTETS];
    size_t left = list->size - list->at;
    const char *begin = text;
    const char *end;
    unsigned names = 0;
    ssize_t n;

    do {
        n = pread(list->fd, text, left < sizeof(text) ? left : sizeof(text), (off_t)list->at);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return false;
    while (names < SLICE_NAMES && (end = memchr(begin, '\n', (size_t)(text + n - begin))) != NULL) {
        if (end == begin || (list->state == CHECKING && list->names == DANCE_WIRE_LIST_NAMES_MAX)) {
            /* An empty line ends it, or there are too many: the rest is left out. */
            list->size = list->at + (size_t)(begin - text);
            names++;
            break;
        }
        if (!take(list, begin, (size_t)(end - begin), now_ms))
            return false;
        begin = end + 1;
        names++;
    }
    list->at += (size_t)(begin - text);
    return names > 0;
}

static bool check_name(struct name_list *list, const char *name, size_t len, long long now_ms)
{
    (void)now_ms;
    list->names++;
    return dance_owner_name_fault(name, len) == NULL;
}

static bool hold_name(struct name_list *list, const char *name, size_t len, long long now_ms)
{
    char lower[DANCE_NAME_MAX + 1];
    struct name *w;

    dance_owner_name_lower(lower, name, len);
    w = wanted_hold(lower, len, now_ms);
    if (w != NULL)
        list->wanted[list->held++] = w;
    return true;
}

/* All of it is checked. false: there are too many names. */
static bool begin_to_hold(struct name_list *list)
{
    if (listed + list->names > LISTED_MAX)
        return false;
    list->wanted = calloc(list->names + 1, sizeof(struct name *));
    if (list->wanted == NULL)
        return false;
    listed += list->names;
    list->state = HOLDING;
    list->at = 0;
    return true;
}

static void forget_fd(struct name_list *list)
{
    if (list->fd >= 0)
        (void)close(list->fd); /* a memfd: nobody keeps us waiting */
    list->fd = -1;
}

static void end_reading(struct name_list *list, bool good, name_list_told *told)
{
    TAILQ_REMOVE(&queue, list, work);
    list->state = READ;
    forget_fd(list);
    if (good && list->held < list->names)
        dance_log(DANCE_LOG_ERROR,
                  "resolver: %zu names are not looked up ahead: there are too many",
                  list->names - list->held);
    if (good)
        dance_log(DANCE_LOG_DEBUG, "resolver: %zu names are looked up ahead", list->held);
    else
        dance_log(DANCE_LOG_DEBUG, "resolver: a list of names was refused");
    told(list->owner, good);
}

static void dispose(struct name_list *list)
{
    if (list->wanted != NULL)
        listed -= list->names;
    free(list->wanted);
    free(list);
}

static void release_slice(struct name_list *list, long long now_ms)
{
    for (unsigned i = 0; i < SLICE_NAMES && list->held > 0; i++)
        wanted_release(list->wanted[--list->held], now_ms);
    if (list->held > 0)
        return;
    TAILQ_REMOVE(&queue, list, work);
    dispose(list);
}

void name_list_close(struct name_list *list)
{
    if (list->state != READ)
        TAILQ_REMOVE(&queue, list, work);
    forget_fd(list);
    if (list->held == 0) {
        dispose(list);
        return;
    }
    list->state = RELEASING;
    TAILQ_INSERT_TAIL(&queue, list, work);
}

void name_lists_work(long long now_ms, name_list_told *told)
{
    struct name_list *list = TAILQ_FIRST(&queue);
    bool good;

    if (list == NULL)
        return;
    if (list->state == RELEASING) {
        release_slice(list, now_ms);
        return;
    }
    good = list->at == list->size
           || read_slice(list, list->state == CHECKING ? check_name : hold_name, now_ms);
    if (good && list->at < list->size)
        return;
    if (good && list->state == CHECKING && begin_to_hold(list))
        return;
    end_reading(list, good && list->state == HOLDING, told);
}

bool name_lists_have_work(void)
{
    return !TAILQ_EMPTY(&queue);
}
