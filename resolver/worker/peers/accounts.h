/*
 * accounts.h: who uses how much of the resolver.
 *
 * An account is a process or a user at the other end of a socket. What it
 * holds is counted, so that one cannot crowd out the others.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_ACCOUNTS_H
#define DANCE_ACCOUNTS_H

#include <sys/queue.h>

enum account_kind { ACCOUNT_PROCESS, ACCOUNT_USER };

struct account {
    LIST_ENTRY(account) same_bucket;
    enum account_kind kind;
    unsigned id;      /* pid or uid */
    unsigned peers;   /* connections and conversations */
    unsigned waiting; /* queries */
    unsigned lookups; /* in flight, begun for its queries, and still after the asker has gone */
    unsigned lists;   /* of names that it holds looked up ahead */
    unsigned lists_waiting; /* to be read */
};

/* The account of a process or a user, with one peer more. NULL when out of memory. */
struct account *account_join(enum account_kind kind, unsigned id);

/* One peer less. The account ends with its last peer or lookup. */
void account_leave(struct account *account);

/* One lookup in flight more, or less. */
void account_begin_lookup(struct account *account);
void account_end_lookup(struct account *account);

#endif
