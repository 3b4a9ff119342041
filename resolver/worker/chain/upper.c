/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/chain/upper.h"

#include "worker/chain/wire_name.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Records as octets: nothing but the TTL is left out, which is no part of the proof. */
struct blob {
    size_t len;
    uint8_t octets[DANCE_CHAIN_MAX];
};

static struct proved {
    uint8_t *octets;
    size_t len;
    long long used;
} table[UPPER_MAX];
static long long uses;

/* Is one before the other in the order of blobs? */
static bool is_before(const struct record *one, const struct record *other)
{
    size_t a = one->is.rdata_len;
    size_t b = other->is.rdata_len;
    int difference = memcmp(one->is.rdata, other->is.rdata, a < b ? a : b);

    if (difference != 0)
        return difference < 0;
    return a != b ? a < b : one->is.type < other->is.type;
}

static void put(struct blob *blob, unsigned value)
{
    blob->octets[blob->len++] = (uint8_t)(value >> 8);
    blob->octets[blob->len++] = (uint8_t)value;
}

/* It is shorter than in the chain, and each is put once. */
static void put_record(struct blob *blob, const struct record *r)
{
    for (size_t i = 0; i < r->is.owner_len; i++)
        blob->octets[blob->len++] = (uint8_t)tolower(r->is.owner[i]);
    put(blob, r->is.type);
    put(blob, (unsigned)r->is.rdata_len);
    memcpy(blob->octets + blob->len, r->is.rdata, r->is.rdata_len);
    blob->len += r->is.rdata_len;
}

/* The RRset of a type at a zone's apex, and its signatures, in an order of their own. */
static void put_set(struct blob *blob, const struct records *records, size_t zone, unsigned type)
{
    const struct record_zone *z = &records->zone[zone];
    const struct record *found[RECORDS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < records->count; i++) {
        const struct record *r = &records->record[i];

        size_t at = count;

        if (r->covers != type
            || !wire_name_same(r->is.owner, r->is.owner_len, z->apex, z->apex_len))
            continue;
        for (; at > 0 && is_before(r, found[at - 1]); at--)
            found[at] = found[at - 1];
        found[at] = r;
        count++;
    }
    for (size_t i = 0; i < count; i++)
        put_record(blob, found[i]);
}

/* DS of the zone, DNSKEY and DS of its parent, and so on up to where no DS record leads on. */
static void put_way(struct blob *blob, const struct records *records, size_t zone)
{
    blob->len = 0;
    while (records->zone[zone].delegated) {
        put_set(blob, records, zone, RECORDS_TYPE_DS);
        zone = records->zone[zone].parent;
        put_set(blob, records, zone, RECORDS_TYPE_DNSKEY);
    }
}

static struct proved *find(const struct blob *blob)
{
    for (size_t i = 0; i < UPPER_MAX; i++) {
        struct proved *p = &table[i];

        if (p->octets != NULL && p->len == blob->len
            && memcmp(p->octets, blob->octets, blob->len) == 0)
            return p;
    }
    return NULL;
}

bool upper_known(const struct records *records, size_t zone)
{
    static struct blob blob;
    struct proved *p;

    put_way(&blob, records, zone);
    p = blob.len > 0 ? find(&blob) : NULL;
    if (p == NULL)
        return false;
    p->used = ++uses;
    return true;
}

static struct proved *least_used(void)
{
    struct proved *least = &table[0];

    for (size_t i = 1; i < UPPER_MAX; i++) {
        if (table[i].used < least->used)
            least = &table[i];
    }
    return least;
}

void upper_learn(const struct records *records, size_t zone)
{
    static struct blob blob;
    struct proved *p;
    uint8_t *octets;

    put_way(&blob, records, zone);
    if (blob.len == 0 || find(&blob) != NULL)
        return;
    octets = malloc(blob.len);
    if (octets == NULL)
        return;
    memcpy(octets, blob.octets, blob.len);
    p = least_used();
    free(p->octets);
    p->octets = octets;
    p->len = blob.len;
    p->used = ++uses;
}

void upper_forget(void)
{
    for (size_t i = 0; i < UPPER_MAX; i++) {
        free(table[i].octets);
        table[i] = (struct proved){NULL, 0, 0};
    }
}
