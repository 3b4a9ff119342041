/*
 * accounts.h: which process uses how much of the worker.
 *
 * What each process at the other end of a conversation holds is counted, so that
 * one cannot crowd out the others of the same user.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_ACCOUNTS_H
#define DANCE_ACCOUNTS_H

#include <sys/queue.h>
#include <sys/types.h>

struct account {
    LIST_ENTRY(account) same_bucket;
    pid_t pid;
    unsigned peers;   /* conversations */
    unsigned waiting; /* queries */
    unsigned lookups; /* in flight, begun for its queries, and still after the asker has gone */
    unsigned chains;  /* that wait for their check */
    unsigned long long chain_turn; /* the last one's whose check has begun */
    unsigned lists;                /* of names that it holds looked up ahead */
};

/* The account of a process, with one peer more. NULL when out of memory. */
struct account *account_join(pid_t pid);

/* One peer less. The account ends with its last peer or lookup. */
void account_leave(struct account *account);

/* Processes at the other end of a conversation, and their conversations. */
unsigned accounts_processes(void);
unsigned accounts_peers(void);

/* One lookup in flight more, or less. */
void account_begin_lookup(struct account *account);
void account_end_lookup(struct account *account);

#endif
