/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/lookups/table.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN ((size_t)16)

bool table_open(struct table *table, size_t size)
{
    *table = (struct table){.size = size, .low = BUCKETS_MIN, .used = BUCKETS_MIN};
    if (!dance_hash_key_make(&table->key))
        return false;
    table->buckets = calloc(2 * BUCKETS_MIN, sizeof(struct entry *));
    return table->buckets != NULL;
}

void table_close(struct table *table, void end(struct entry *))
{
    for (size_t i = 0; table->buckets != NULL && i < table->used; i++) {
        while (table->buckets[i] != NULL) {
            struct entry *entry = table->buckets[i];

            table->buckets[i] = entry->next;
            end(entry);
            free(entry);
        }
    }
    free(table->buckets);
    *table = (struct table){0};
}

static struct entry **bucket_of(const struct table *table, uint32_t hash)
{
    size_t i = hash & (2 * table->low - 1);

    return &table->buckets[i < table->used ? i : i - table->low];
}

struct entry *table_find(const struct table *table, const char *name, size_t len)
{
    uint32_t hash;
    struct entry *e;

    if (table->buckets == NULL)
        return NULL;
    hash = dance_name_hash(&table->key, name, len);
    for (e = *bucket_of(table, hash); e != NULL; e = e->next) {
        if (e->hash == hash && e->len == len && memcmp(table_name(table, e), name, len) == 0)
            return e;
    }
    return NULL;
}

/* One bucket more: it gets its part of what was in one bucket so far. */
static void grow(struct table *table)
{
    struct entry **from;
    struct entry **to;

    if (table->used + 1 == 2 * table->low) {
        struct entry **more = realloc(table->buckets, 4 * table->low * sizeof(struct entry *));

        if (more == NULL)
            return; /* it stays as it is, and gets slower */
        table->buckets = more;
    }
    from = &table->buckets[table->used - table->low];
    to = &table->buckets[table->used++];
    if (table->used == 2 * table->low)
        table->low = table->used;
    *to = NULL;
    while (*from != NULL) {
        struct entry *e = *from;

        if (bucket_of(table, e->hash) == to) {
            *from = e->next;
            e->next = *to;
            *to = e;
        } else {
            from = &e->next;
        }
    }
}

struct entry *table_make(struct table *table, const char *name, size_t len)
{
    struct entry *e = table->buckets != NULL ? calloc(1, table->size + len + 1) : NULL;
    struct entry **bucket;

    if (e == NULL)
        return NULL;
    e->hash = dance_name_hash(&table->key, name, len);
    e->len = (uint8_t)len;
    memcpy((char *)e + table->size, name, len);
    bucket = bucket_of(table, e->hash);
    e->next = *bucket;
    *bucket = e;
    if (++table->count > table->used)
        grow(table);
    return e;
}

const char *table_name(const struct table *table, const struct entry *entry)
{
    return (const char *)entry + table->size;
}

void table_drop(struct table *table, struct entry *entry)
{
    struct entry **at = bucket_of(table, entry->hash);

    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    table->count--;
    free(entry);
}
