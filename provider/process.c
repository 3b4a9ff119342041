/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "process.h"

#include "allow_file.h"
#include "cache.h"
#include "credential.h"

#include <openssl/crypto.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/*
 * For the names that one process meets within a TTL. What an attacker can make
 * in any number, names that do not exist, is kept apart and given less.
 */
static const struct dance_cache_room cache_room[DANCE_CACHE_KINDS] = {
    [DANCE_CACHE_RECORDS] = {32768, (size_t)24 << 20},
    [DANCE_CACHE_OTHERS] = {8192, (size_t)4 << 20},
};

static const struct dance_config *configuration;
static struct dance_rules rules;
static _Atomic(struct dance_process *) current;

void dance_process_configure(const struct dance_config *config)
{
    configuration = config;
    rules = config != NULL ? dance_policy_rules(config) : (struct dance_rules){0};
}

const struct dance_config *dance_config(void)
{
    return configuration;
}

const struct dance_rules *dance_rules(void)
{
    return &rules;
}

long long dance_now_ms(void)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
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
static bool is_own(const struct dance_process *p, pid_t pid)
{
    return p != NULL && p->pid == pid && (p->alive == NULL || *p->alive != 0);
}

static void discard(struct dance_process *p)
{
    (void)pthread_mutex_destroy(&p->channel_lock);
    (void)pthread_mutex_destroy(&p->files_lock);
    (void)pthread_mutex_destroy(&p->list_lock);
    dance_credential_free(p->credential);
    dance_allow_file_free(p->allow_file);
    dance_allow_file_free(p->list_file);
    dance_cache_free(p->cache);
    if (p->alive != NULL)
        (void)munmap(p->alive, 1);
    OPENSSL_free(p);
}

/*
 * In a forked child no other thread of the parent runs, but one may have been
 * stopped in mid-change. What is copied is safe all the same: the control
 * channel is checked before each use, and the pointers to what was read from
 * files are written whole (and only ever point to finished objects).
 */
static struct dance_process *make(struct dance_process *parent, pid_t pid)
{
    struct dance_process *p = OPENSSL_zalloc(sizeof(*p));

    if (p == NULL)
        return NULL;
    p->pid = pid;
    p->alive = make_alive();
    p->parent = parent;
    p->control.fd = -1;
    p->list.fd = -1;
    p->cache = dance_cache_new(cache_room);
    (void)pthread_mutex_init(&p->channel_lock, NULL);
    (void)pthread_mutex_init(&p->files_lock, NULL);
    (void)pthread_mutex_init(&p->list_lock, NULL);
    if (parent != NULL) {
        p->control = parent->control;
        p->credential = dance_credential_up_ref(parent->credential);
        p->allow_file = dance_allow_file_up_ref(parent->allow_file);
        p->list = parent->list;
        p->list_file = dance_allow_file_up_ref(parent->list_file);
    }
    return p;
}

struct dance_process *dance_process(void)
{
    struct dance_process *seen = atomic_load(&current);
    struct dance_process *made;
    pid_t pid = getpid();

    if (is_own(seen, pid))
        return seen;
    made = make(seen, pid);
    if (made == NULL)
        return NULL;
    if (atomic_compare_exchange_strong(&current, &seen, made))
        return made;
    /* Another thread of this process was faster. */
    discard(made);
    return seen;
}
