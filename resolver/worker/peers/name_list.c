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

/* Of all lists together, however often a name is on one. */
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

LIST_HEAD(senders, name_list);

/* What is in one memfd, for all who send it: a server's workers share one, and send it each. */
struct sheet {
    TAILQ_ENTRY(sheet) work; /* unless READ */
    LIST_ENTRY(sheet) all;   /* while somebody wants it, and it is not refused */
    struct senders wanted_by;
    enum state state;
    bool refused;
    int fd; /* open as long as it is wanted, so that no other one has its number */
    dev_t dev;
    ino_t ino;
    size_t size;
    size_t at; /* octets done */
    size_t names;
    size_t held; /* of them, in wanted[] */
    struct name **wanted;
};

struct name_list {
    LIST_ENTRY(name_list) beside;
    struct sheet *of;
    void *owner;
};

typedef bool take_name(struct sheet *sheet, const char *name, size_t len, long long now_ms);

static TAILQ_HEAD(sheet_queue, sheet) queue = TAILQ_HEAD_INITIALIZER(queue);
static LIST_HEAD(sheet_list, sheet) sheets = LIST_HEAD_INITIALIZER(sheets);
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

static struct sheet *find(const struct stat *st)
{
    struct sheet *sheet;

    LIST_FOREACH(sheet, &sheets, all)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (sheet->dev == st->st_dev && sheet->ino == st->st_ino)
            return sheet;
    }
    return NULL;
}

/* Takes fd unless NULL is returned. */
static struct sheet *make(int fd, const struct stat *st)
{
    struct sheet *sheet = calloc(1, sizeof(*sheet));

    if (sheet == NULL)
        return NULL;
    LIST_INIT(&sheet->wanted_by);
    sheet->fd = fd;
    sheet->dev = st->st_dev;
    sheet->ino = st->st_ino;
    sheet->size = (size_t)st->st_size;
    LIST_INSERT_HEAD(&sheets, sheet, all);
    TAILQ_INSERT_TAIL(&queue, sheet, work);
    return sheet;
}

struct name_list *name_list_open(int fd, void *owner)
{
    struct name_list *list;
    struct sheet *sheet;
    struct stat st;

    if (!is_sealed(fd, &st))
        return NULL;
    list = calloc(1, sizeof(*list));
    if (list == NULL)
        return NULL;
    sheet = find(&st);
    if (sheet != NULL)
        (void)close(fd); /* a memfd: nobody keeps us waiting */
    else
        sheet = make(fd, &st);
    if (sheet == NULL) {
        free(list);
        return NULL;
    }
    list->of = sheet;
    list->owner = owner;
    LIST_INSERT_HEAD(&sheet->wanted_by, list, beside);
    return list;
}

/* Take the names of the next slice. false: here stands none, or take() does not want it. */
static bool read_slice(struct sheet *sheet, take_name *take, long long now_ms)
{
    static char text[SLICE_OCTETS];
    size_t left = sheet->size - sheet->at;
    const char *begin = text;
    const char *end;
    unsigned names = 0;
    ssize_t n;

    do {
        n = pread(sheet->fd, text, left < sizeof(text) ? left : sizeof(text), (off_t)sheet->at);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return false;
    while (names < SLICE_NAMES && (end = memchr(begin, '\n', (size_t)(text + n - begin))) != NULL) {
        if (end == begin
            || (sheet->state == CHECKING && sheet->names == DANCE_WIRE_LIST_NAMES_MAX)) {
            /* An empty line ends it, or there are too many: the rest is left out. */
            sheet->size = sheet->at + (size_t)(begin - text);
            names++;
            break;
        }
        if (!take(sheet, begin, (size_t)(end - begin), now_ms))
            return false;
        begin = end + 1;
        names++;
    }
    sheet->at += (size_t)(begin - text);
    return names > 0;
}

static bool check_name(struct sheet *sheet, const char *name, size_t len, long long now_ms)
{
    (void)now_ms;
    sheet->names++;
    return dance_owner_name_fault(name, len) == NULL;
}

static bool hold_name(struct sheet *sheet, const char *name, size_t len, long long now_ms)
{
    char lower[DANCE_NAME_MAX + 1];
    struct name *w;

    dance_owner_name_lower(lower, name, len);
    w = wanted_hold(lower, len, now_ms);
    if (w != NULL)
        sheet->wanted[sheet->held++] = w;
    return true;
}

/* All of it is checked. false: there are too many names. */
static bool begin_to_hold(struct sheet *sheet)
{
    if (listed + sheet->names > LISTED_MAX)
        return false;
    sheet->wanted = calloc(sheet->names + 1, sizeof(struct name *));
    if (sheet->wanted == NULL)
        return false;
    listed += sheet->names;
    sheet->state = HOLDING;
    sheet->at = 0;
    return true;
}

static void refuse(struct sheet *sheet)
{
    LIST_REMOVE(sheet, all);
    sheet->refused = true;
}

static void end_reading(struct sheet *sheet, bool good, name_list_told *told)
{
    struct name_list *list, *next;

    TAILQ_REMOVE(&queue, sheet, work);
    sheet->state = READ;
    if (!good)
        refuse(sheet);
    if (good && sheet->held < sheet->names)
        dance_log(DANCE_LOG_ERROR,
                  "resolver: %zu names are not looked up ahead: there are too many",
                  sheet->names - sheet->held);
    if (good)
        dance_log(DANCE_LOG_DEBUG, "resolver: %zu names are looked up ahead", sheet->held);
    else
        dance_log(DANCE_LOG_DEBUG, "resolver: a list of names was refused");
    /* Whoever is told may close his, and with the last one the sheet goes. */
    for (list = LIST_FIRST(&sheet->wanted_by); list != NULL; list = next) {
        next = LIST_NEXT(list, beside);
        told(list->owner, good);
    }
}

static void dispose(struct sheet *sheet)
{
    if (sheet->wanted != NULL)
        listed -= sheet->names;
    free(sheet->wanted);
    free(sheet);
}

static void release_slice(struct sheet *sheet, long long now_ms)
{
    for (unsigned i = 0; i < SLICE_NAMES && sheet->held > 0; i++)
        wanted_release(sheet->wanted[--sheet->held], now_ms);
    if (sheet->held > 0)
        return;
    TAILQ_REMOVE(&queue, sheet, work);
    dispose(sheet);
}

/* Nobody wants it any more. */
static void let_go(struct sheet *sheet)
{
    if (sheet->state != READ)
        TAILQ_REMOVE(&queue, sheet, work);
    if (!sheet->refused)
        LIST_REMOVE(sheet, all);
    (void)close(sheet->fd);
    if (sheet->held == 0) {
        dispose(sheet);
        return;
    }
    sheet->state = RELEASING;
    TAILQ_INSERT_TAIL(&queue, sheet, work);
}

void name_list_close(struct name_list *list)
{
    struct sheet *sheet = list->of;

    LIST_REMOVE(list, beside);
    free(list);
    if (LIST_EMPTY(&sheet->wanted_by))
        let_go(sheet);
}

void name_lists_work(long long now_ms, name_list_told *told)
{
    struct sheet *sheet = TAILQ_FIRST(&queue);
    bool good;

    if (sheet == NULL)
        return;
    if (sheet->state == RELEASING) {
        release_slice(sheet, now_ms);
        return;
    }
    good = sheet->at == sheet->size
           || read_slice(sheet, sheet->state == CHECKING ? check_name : hold_name, now_ms);
    if (good && sheet->at < sheet->size)
        return;
    if (good && sheet->state == CHECKING && begin_to_hold(sheet))
        return;
    end_reading(sheet, good && sheet->state == HOLDING, told);
}

bool name_lists_have_work(void)
{
    return !TAILQ_EMPTY(&queue);
}
