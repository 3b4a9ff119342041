/*
 * table.h: things that are found by a name. Pure, but for its random key.
 *
 * What is found embeds a struct entry as its first member; its name stands
 * behind it. Names are chosen by strangers, so the hash has a random key.
 * Making, finding and dropping cost the same however many there are: the table
 * grows by one bucket at a time (linear hashing), and no call has to move all
 * entries.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_TABLE_H
#define DANCE_TABLE_H

#include "name_hash.h"

struct entry {
    struct entry *next; /* in its bucket */
    uint32_t hash;
    uint8_t len; /* of its name */
};

struct table {
    size_t size; /* of what embeds the entry, without the name */
    struct dance_hash_key key;
    struct entry **buckets;
    size_t low;  /* a power of two: buckets there were before it grew last to twice as many */
    size_t used; /* buckets, from low to 2 * low - 1 */
    size_t count;
};

/* false when out of memory, or where no random key can be had. */
bool table_open(struct table *table, size_t size);

/* Free all entries, after end() for each. */
void table_close(struct table *table, void end(struct entry *));

/* NULL when there is none of that name. */
struct entry *table_find(const struct table *table, const char *name, size_t len);

/* A new one, zeroed; the name (at most 255 octets) must not be there yet. NULL when out of memory.
 */
struct entry *table_make(struct table *table, const char *name, size_t len);

/* Its name, NUL-terminated. */
const char *table_name(const struct table *table, const struct entry *entry);

/* Take it out and free it. */
void table_drop(struct table *table, struct entry *entry);

#endif
