/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/peers/accounts.h"

#include <stdlib.h>

#define BUCKETS 256u

static LIST_HEAD(account_list, account) table[BUCKETS];
static unsigned processes;
static unsigned peers;

struct account *account_join(pid_t pid)
{
    struct account *a;

    LIST_FOREACH(a, &table[(unsigned)pid % BUCKETS], same_bucket)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (a->pid == pid)
            break;
    }
    if (a == NULL) {
        a = calloc(1, sizeof(*a));
        if (a == NULL)
            return NULL;
        a->pid = pid;
        LIST_INSERT_HEAD(&table[(unsigned)pid % BUCKETS], a, same_bucket);
    }
    processes += a->peers == 0;
    a->peers++;
    peers++;
    return a;
}

static void end_unless_used(struct account *account)
{
    if (account->peers > 0 || account->lookups > 0)
        return;
    LIST_REMOVE(account, same_bucket);
    free(account);
}

void account_leave(struct account *account)
{
    account->peers--;
    processes -= account->peers == 0;
    peers--;
    end_unless_used(account);
}

void account_begin_lookup(struct account *account)
{
    account->lookups++;
}

void account_end_lookup(struct account *account)
{
    account->lookups--;
    end_unless_used(account);
}

unsigned accounts_processes(void)
{
    return processes;
}

unsigned accounts_peers(void)
{
    return peers;
}
