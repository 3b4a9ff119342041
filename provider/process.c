/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sysexits.h>
#include <unistd.h>

struct entry {
    const struct dance_slot *slot;
    void *object;
    struct entry *next;
};

struct process {
    pid_t pid;
    /* Memory that a forked child finds zeroed; NULL where there is none. By itself pid is not
       enough: with PID namespaces a child may have its parent's number. */
    unsigned char *alive;
    const struct process *parent; /* of the process that forked us; never freed */
    _Atomic(struct entry *) first;
};

/* A configuration and what it means, never changed once it is published. */
struct in_force {
    const struct dance_config *config;
    struct dance_rules rules;
};

/* Static, so that none is ever missing for want of memory. */
static struct in_force published[DANCE_CONFIGURATIONS_MAX];
static size_t published_count;
static _Atomic(const struct in_force *) in_force;
static _Atomic(struct process *) current;

void dance_process_configure(const struct dance_config *config)
{
    struct in_force *next = &published[published_count];

    if (published_count == DANCE_CONFIGURATIONS_MAX)
        return;
    published_count++;
    next->config = config;
    next->rules = dance_policy_rules(config);
    atomic_store(&in_force, next);
}

const struct dance_config *dance_config(void)
{
    const struct in_force *now = atomic_load(&in_force);

    return now != NULL ? now->config : NULL;
}

const struct dance_rules *dance_rules(void)
{
    static const struct dance_rules nothing;
    const struct in_force *now = atomic_load(&in_force);

    return now != NULL ? &now->rules : &nothing;
}

void dance_process_inactive(const struct dance_config *config)
{
    /* Not by exit(): this may be in the middle of libcrypto's start, which its end would wait for.
     */
    if (config->exit_if_inactive && config->present[DANCE_SECTION_SERVER])
        _exit(EX_CONFIG);
}

/* See process.h; NULL before Linux 4.14. */
static unsigned char *make_alive(void)
{
    unsigned char *alive =
        mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (alive == MAP_FAILED)
        return NULL;
    if (madvise(alive, 1, MADV_WIPEONFORK) != 0) {
        (void)munmap(alive, 1);
        return NULL;
    }
    *alive = 1;
    return alive;
}

/* It is the calling process's, and not what was copied from its parent. */
static bool is_own(const struct process *p, pid_t pid)
{
    return p != NULL && p->pid == pid && (p->alive == NULL || *p->alive != 0);
}

static void discard(struct process *p)
{
    if (p->alive != NULL)
        (void)munmap(p->alive, 1);
    OPENSSL_free(p);
}

/* NULL when out of memory. */
static struct process *this_process(void)
{
    struct process *seen = atomic_load(&current);
    struct process *made;
    pid_t pid = getpid();

    if (is_own(seen, pid))
        return seen;
    made = OPENSSL_zalloc(sizeof(*made));
    if (made == NULL)
        return NULL;
    made->pid = pid;
    made->alive = make_alive();
    made->parent = seen;
    if (atomic_compare_exchange_strong(&current, &seen, made))
        return made;
    /* Another thread of this process was faster. */
    discard(made);
    return seen;
}

static void *find(struct entry *from, const struct entry *end, const struct dance_slot *slot)
{
    for (; from != end; from = from->next) {
        if (from->slot == slot)
            return from->object;
    }
    return NULL;
}

/* Of the nearest process above that used the slot. */
static const void *inherited(const struct process *p, const struct dance_slot *slot)
{
    const void *object = NULL;

    while (object == NULL && (p = p->parent) != NULL)
        object = find(atomic_load(&p->first), NULL, slot);
    return object;
}

void *dance_process_object(const struct dance_slot *slot)
{
    struct process *p = this_process();
    struct entry *first = p != NULL ? atomic_load(&p->first) : NULL;
    const struct entry *looked_at = first;
    void *object = find(first, NULL, slot);
    struct entry *entry;

    if (object != NULL || p == NULL)
        return object;
    entry = OPENSSL_zalloc(sizeof(*entry));
    if (entry == NULL || (entry->object = slot->make(inherited(p, slot))) == NULL) {
        OPENSSL_free(entry);
        return NULL;
    }
    entry->slot = slot;
    entry->next = first;
    while (!atomic_compare_exchange_strong(&p->first, &entry->next, entry)) {
        /* Another thread put something there, this room's perhaps. */
        object = find(entry->next, looked_at, slot);
        if (object != NULL) {
            slot->discard(entry->object);
            OPENSSL_free(entry);
            return object;
        }
        looked_at = entry->next;
    }
    return entry->object;
}
