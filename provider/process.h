/*
 * process.h: what dance keeps for this process.
 *
 * Servers fork, before and after their first handshake, and another thread may
 * hold a lock at that moment. So everything that changes lives in one object
 * that belongs to one process id: a child finds the parent's, takes over what
 * stays true (the control channel, what was read from files) and gets locks and
 * conversations of its own. Objects are reachable until the process ends.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_PROCESS_H
#define DANCE_PROCESS_H

#include "config.h"
#include "kept_fd.h"
#include "policy.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

struct dance_credential;
struct dance_allow_file;
struct dance_cache;

#define DANCE_IDLE_CONVERSATIONS 64

struct dance_process {
    pid_t pid;
    /* Memory that a forked child finds zeroed; NULL where there is none. By itself pid is not
       enough: with PID namespaces a child may have its parent's number. */
    unsigned char *alive;
    struct dance_process *parent; /* the object of the process that forked us; never freed */

    /* Guards the control channel and the idle conversations; never held while waiting. */
    pthread_mutex_t channel_lock;
    struct dance_kept_fd control;
    struct dance_kept_fd idle[DANCE_IDLE_CONVERSATIONS];
    size_t idle_count;
    long long started_ms;    /* when the resolver was first started in this interval; 0: never */
    unsigned starts;         /* how often since then */
    char start_failure[256]; /* why that failed; empty when it did not */

    /* What the DNS said; NULL: nothing is kept. A child begins with an empty one. */
    struct dance_cache *cache;

    _Atomic long long
        silent_until_ms; /* the resolver did not answer: not to be asked before this */

    /* Guards what was read from files; held while they are read again. */
    pthread_mutex_t files_lock;
    struct dance_credential *credential;
    struct dance_allow_file *allow_file;

    /* Guards the list of names to be looked up ahead; never waited for. */
    pthread_mutex_t list_lock;
    struct dance_kept_fd list;          /* the conversation over which it was sent, and is held */
    struct dance_allow_file *list_file; /* what was sent */
    _Atomic long long list_due_ms;      /* when to see whether it is held, and has changed */
};

/* Make the configuration known; once per process, before anything else here. */
void dance_process_configure(const struct dance_config *config);

/* The configuration; NULL before dance_process_configure(). */
const struct dance_config *dance_config(void);

/* What the configuration's server section means; inactive before dance_process_configure(). */
const struct dance_rules *dance_rules(void);

/* The object of the calling process; NULL when out of memory. */
struct dance_process *dance_process(void);

/* Monotonic time in milliseconds. */
long long dance_now_ms(void);

#endif
