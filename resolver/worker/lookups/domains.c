/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/lookups/domains.h"

#include <libpsl.h>
#include <limits.h>
#include <stdlib.h>

/* No registry's suffix has more (pvt.k12.ma.us). */
#define SUFFIX_LABELS 4
/* Domains that nobody uses, but that are remembered for what they did. */
#define IDLE_MAX 16384u
/* What of a moment's work is done before others have their turn. */
#define SLICE 32u

static struct table domains[2];      /* by whether they are known */
static struct domain_queue lines[2]; /* whose turn it is, by whether they are good */
static unsigned begun[2];            /* in the background, likewise */
static unsigned line_next;           /* the line whose turn it is */
static unsigned share;           /* of what may be in flight in the background, for one domain */
static struct deadlines later;   /* those of which nothing is due yet */
static struct domain_queue idle; /* the one used last comes last */
static unsigned idle_count;

/* Without the list, should libpsl be built so, the last label is the suffix. */
static bool is_suffix(const char *name, bool last_label)
{
    const psl_ctx_t *list = psl_builtin();

    return list == NULL ? last_label : psl_is_public_suffix2(list, name, PSL_TYPE_ICANN) != 0;
}

size_t domain_offset(const char *name, size_t len)
{
    size_t begin[SUFFIX_LABELS + 1]; /* of the last labels, from behind */
    unsigned labels = 0;

    for (size_t i = len; labels <= SUFFIX_LABELS; i--) {
        if (i == 0 || name[i - 1] == '.')
            begin[labels++] = i;
        if (i == 0)
            break;
    }
    /* Not every registry's suffix ends in another one: the longest counts. */
    for (unsigned i = labels < SUFFIX_LABELS ? labels : SUFFIX_LABELS; i > 0; i--) {
        if (is_suffix(name + begin[i - 1], i == 1))
            return i < labels ? begin[i] : begin[i - 1];
    }
    return 0;
}

bool domains_open(unsigned background)
{
    share = background > 0 ? background : 1;
    for (unsigned i = 0; i < 2; i++) {
        TAILQ_INIT(&lines[i]);
        begun[i] = 0;
    }
    TAILQ_INIT(&idle);
    idle_count = 0;
    return table_open(&domains[0], sizeof(struct domain))
           && table_open(&domains[1], sizeof(struct domain));
}

static void end(struct entry *entry)
{
    deadlines_free(&((struct domain *)entry)->due);
}

void domains_close(void)
{
    for (unsigned i = 0; i < 2; i++) {
        table_close(&domains[i], end);
        TAILQ_INIT(&lines[i]);
    }
    deadlines_free(&later);
}

bool domain_suspect(const struct domain *domain, long long now_ms)
{
    return now_ms < domain->bogus_until_ms || now_ms < domain->silent_until_ms;
}

bool domain_is_new(const struct domain *domain)
{
    return domain->window == DOMAINS_NEW;
}

/* How many of its lookups may be in flight. */
static unsigned window_of(const struct domain *domain, long long now_ms)
{
    if (domain->known)
        return UINT_MAX;
    return domain_suspect(domain, now_ms) ? DOMAINS_SUSPECT : domain->window;
}

bool domain_has_room(const struct domain *domain, long long now_ms)
{
    return domain->lookups + domain->background < window_of(domain, now_ms);
}

static void leave(struct domain *domain)
{
    deadlines_remove(&later, &domain->turn);
    if (domain->line == NULL)
        return;
    TAILQ_REMOVE(domain->line, domain, place);
    idle_count -= domain->line == &idle;
    domain->line = NULL;
}

static void enter(struct domain *domain, struct domain_queue *line)
{
    TAILQ_INSERT_TAIL(line, domain, place);
    domain->line = line;
}

static void drop(struct domain *domain)
{
    leave(domain);
    deadlines_free(&domain->due);
    table_drop(&domains[domain->known], &domain->entry);
}

/*
 * What is due may begin, with half of the room at the most, so that whoever asks has the
 * other. Else the end of one of its lookups will bring it here again.
 */
static bool is_ready(const struct domain *domain, long long now_ms)
{
    return domain->queued == 0 && domain->background < share && domain_has_room(domain, now_ms)
           && domain->background < window_of(domain, now_ms) / 2;
}

void domain_put(struct domain *domain, long long now_ms)
{
    const struct deadline *first = deadlines_first(&domain->due);
    bool is_due = first != NULL && first->at_ms <= now_ms;

    if (is_due && is_ready(domain, now_ms)) {
        if (domain->line == &lines[domain->good])
            return;
        leave(domain);
        enter(domain, &lines[domain->good]);
        return;
    }
    leave(domain);
    if (first != NULL && !is_due) {
        (void)deadlines_add(&later, &domain->turn, first->at_ms); /* there is room, see below */
    } else if (first == NULL && domain->lookups + domain->background + domain->queued == 0) {
        if (idle_count == IDLE_MAX)
            drop(TAILQ_FIRST(&idle));
        enter(domain, &idle);
        idle_count++;
    }
}

struct domain *domain_of(const char *name, size_t len, bool known, long long now_ms)
{
    size_t offset = domain_offset(name, len);
    struct domain *d = (struct domain *)table_find(&domains[known], name + offset, len - offset);

    if (d != NULL)
        return d;
    if (!deadlines_reserve(&later, domains[0].count + domains[1].count + 1))
        return NULL;
    d = (struct domain *)table_make(&domains[known], name + offset, len - offset);
    if (d == NULL)
        return NULL;
    TAILQ_INIT(&d->waiting);
    d->window = DOMAINS_NEW;
    d->known = d->good = known;
    domain_put(d, now_ms);
    return d;
}

bool domain_add(struct domain *domain, struct deadline *due, long long at_ms, long long now_ms)
{
    bool ok = deadlines_add(&domain->due, due, at_ms) != 0;

    domain_put(domain, now_ms);
    return ok;
}

void domain_remove(struct domain *domain, struct deadline *due, long long now_ms)
{
    deadlines_remove(&domain->due, due);
    domain_put(domain, now_ms);
}

void domain_begin(struct domain *domain, bool background, long long now_ms)
{
    if (background) {
        domain->background++;
        begun[domain->good]++;
    } else {
        domain->lookups++;
    }
    domain_put(domain, now_ms);
}

void domain_end(struct domain *domain, bool background, long long now_ms)
{
    if (background) {
        domain->background--;
        begun[domain->good]--;
    } else {
        domain->lookups--;
    }
    domain_put(domain, now_ms);
}

void domain_said(struct domain *domain, enum domain_answer answer, long long now_ms)
{
    begun[domain->good] -= domain->background;
    domain->good = answer == DOMAIN_ANSWERED;
    begun[domain->good] += domain->background;
    if (domain->good) {
        /* Whoever answers is silent no longer; bogus was what he said. */
        domain->silent_until_ms = 0;
        if (!domain_suspect(domain, now_ms) && domain->window < DOMAINS_AT_MOST)
            domain->window = domain_is_new(domain) ? DOMAINS_BEGIN : domain->window + 1;
        return;
    }
    domain->window = DOMAINS_NEW;
    if (answer == DOMAIN_BOGUS)
        domain->bogus_until_ms = now_ms + DOMAINS_LATELY_MS;
    else if (!domain->known)
        domain->silent_until_ms = now_ms + DOMAINS_LATELY_MS;
}

/* The line to be served: in turns, if there is room for it and somebody in it. */
static struct domain_queue *line_of(unsigned room)
{
    for (unsigned i = 0; i < 2; i++) {
        unsigned which = (line_next + i) % 2;

        if (!TAILQ_EMPTY(&lines[which]) && begun[which] < room)
            return &lines[which];
    }
    return NULL;
}

struct deadline *domains_next(unsigned room, long long now_ms)
{
    struct domain_queue *line;
    struct domain *first;
    struct deadline *turn;

    for (unsigned i = 0;
         i < SLICE && (turn = deadlines_first(&later)) != NULL && turn->at_ms <= now_ms; i++)
        domain_put((struct domain *)(void *)((char *)turn - offsetof(struct domain, turn)), now_ms);
    line = line_of(room);
    if (line == NULL)
        return NULL;
    line_next = line == &lines[0];
    first = TAILQ_FIRST(line);
    TAILQ_REMOVE(line, first, place);
    TAILQ_INSERT_TAIL(line, first, place);
    return deadlines_first(&first->due);
}

long long domains_wait_ms(unsigned room, long long now_ms)
{
    const struct deadline *turn = deadlines_first(&later);

    if (line_of(room) != NULL)
        return 0;
    if (turn == NULL)
        return -1;
    return turn->at_ms > now_ms ? turn->at_ms - now_ms : 0;
}
