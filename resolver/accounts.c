/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "accounts.h"

#include <stdlib.h>

#define BUCKETS 256u

static LIST_HEAD(account_list, account) table[BUCKETS];

struct account *account_join(enum account_kind kind, unsigned id)
{
    struct account *a;

    LIST_FOREACH(a, &table[id % BUCKETS], same_bucket)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (a->kind == kind && a->id == id)
            break;
    }
    if (a == NULL) {
        a = calloc(1, sizeof(*a));
        if (a == NULL)
            return NULL;
        a->kind = kind;
        a->id = id;
        LIST_INSERT_HEAD(&table[id % BUCKETS], a, same_bucket);
    }
    a->peers++;
    return a;
}

void account_leave(struct account *account)
{
    if (--account->peers > 0)
        return;
    LIST_REMOVE(account, same_bucket);
    free(account);
}
