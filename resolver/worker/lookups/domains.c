/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/lookups/domains.h"

#include "name_hash.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define BUCKETS 1024u
#define REGISTRY_LABEL_MAX 3 /* co, com, net, org, gov, ... */
#define COUNTRY_LABEL 2

struct domain {
    LIST_ENTRY(domain) bucket;
    unsigned lookups;
    size_t len;
    char name[];
};

static LIST_HEAD(domain_list, domain) table[BUCKETS];
static struct dance_hash_key key; /* all zero until it could be made: then all in one bucket */

size_t domain_offset(const char *name, size_t len)
{
    size_t dot[3] = {0, 0, 0}; /* behind the last, the last but one, ... dot */
    size_t dots = 0;

    for (size_t i = len; i > 0 && dots < 3; i--) {
        if (name[i - 1] == '.')
            dot[dots++] = i;
    }
    if (dots < 2)
        return 0;
    if (len - dot[0] == COUNTRY_LABEL && dot[0] - dot[1] - 1 <= REGISTRY_LABEL_MAX)
        return dots == 3 ? dot[2] : 0;
    return dot[1];
}

static struct domain_list *bucket_of(const char *name, size_t len)
{
    if (key.point == 0)
        (void)dance_hash_key_make(&key);
    return &table[dance_name_hash(&key, name, len) % BUCKETS];
}

static struct domain *find(const char *name, size_t len)
{
    struct domain *d;

    LIST_FOREACH(d, bucket_of(name, len), bucket)
    {
        // cppcheck-suppress uninitvar ; LIST_FOREACH sets it
        if (d->len == len && memcmp(d->name, name, len) == 0)
            return d;
    }
    return NULL;
}

unsigned domain_lookups(const char *name, size_t len)
{
    size_t offset = domain_offset(name, len);
    const struct domain *d = find(name + offset, len - offset);

    return d != NULL ? d->lookups : 0;
}

struct domain *domain_join(const char *name, size_t len)
{
    size_t offset = domain_offset(name, len);
    struct domain *d = find(name + offset, len - offset);

    name += offset;
    len -= offset;
    if (d == NULL) {
        d = calloc(1, sizeof(*d) + len);
        if (d == NULL)
            return NULL;
        d->len = len;
        memcpy(d->name, name, len);
        LIST_INSERT_HEAD(bucket_of(name, len), d, bucket);
    }
    d->lookups++;
    return d;
}

void domain_leave(struct domain *domain)
{
    if (--domain->lookups > 0)
        return;
    LIST_REMOVE(domain, bucket);
    free(domain);
}
