/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/chain/zones.h"

#include "worker/chain/keys.h"
#include "worker/chain/wire_name.h"

#include <string.h>

/* The zone that signed r, found or made. RECORDS_ZONES_MAX: there are too many. */
static size_t zone_of(struct records *records, const struct record *r)
{
    size_t i = 0;

    while (i < records->zones
           && !wire_name_same(records->zone[i].apex, records->zone[i].apex_len, r->signer,
                              r->signer_len))
        i++;
    if (i == records->zones && i < RECORDS_ZONES_MAX)
        records->zone[records->zones++] =
            (struct record_zone){.apex = r->signer, .apex_len = r->signer_len};
    return i;
}

/* Is r where it can be in its zone? */
static const char *look_at_place(const struct record *r)
{
    bool apex = wire_name_same(r->is.owner, r->is.owner_len, r->signer, r->signer_len);

    if (r->covers == RECORDS_TYPE_DNSKEY && !apex)
        return "a zone's keys are signed by another";
    if (r->covers == RECORDS_TYPE_DS && apex)
        return "a DS record is signed by the zone that it is for";
    /* No delegation comes of a wildcard (RFC 4592, section 4.6); libunbound takes one for it. */
    if (records_of_delegation(r) && (r->wildcard != NULL || memcmp(r->is.owner, "\1*", 2) == 0))
        return "a zone's DNSKEY or DS record is of a wildcard";
    return NULL;
}

static const char *look_at_nsec3(struct record_zone *zone, const struct record *r)
{
    const uint8_t *mine = r->is.rdata;

    if (r->is.type != RECORDS_TYPE_NSEC3)
        return NULL;
    if (zone->nsec3 == NULL) {
        zone->nsec3 = r;
        return NULL;
    }
    /* Algorithm, iterations and salt, without the flags. */
    return mine[0] == zone->nsec3->is.rdata[0] && mine[4] == zone->nsec3->is.rdata[4]
                   && memcmp(mine + 2, zone->nsec3->is.rdata + 2,
                             RECORDS_NSEC3_FIXED - 2u + mine[4])
                          == 0
               ? NULL
               : "the NSEC3 records of a zone differ in their parameters";
}

static const char *sort_into_zones(struct records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        struct record *r = &records->record[i];
        const char *fault = look_at_place(r);

        r->zone = zone_of(records, r);
        if (r->zone == RECORDS_ZONES_MAX)
            return "it has too many zones";
        if (fault == NULL)
            fault = look_at_nsec3(&records->zone[r->zone], r);
        if (fault != NULL)
            return fault;
    }
    return NULL;
}

static void find_parents(struct records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        const struct record *r = &records->record[i];

        if (r->is.type != RECORDS_TYPE_DS)
            continue;
        for (size_t z = 0; z < records->zones; z++) {
            struct record_zone *zone = &records->zone[z];

            if (!wire_name_same(zone->apex, zone->apex_len, r->is.owner, r->is.owner_len))
                continue;
            zone->delegated = true;
            zone->parent = r->zone;
        }
    }
}

/* No zone has too many keys, or two that a signature may mean. */
static const char *look_at_keys(const struct records *records)
{
    struct keys keys = {.count = 0};

    for (size_t z = 0; z < records->zones; z++) {
        keys.count = 0;
        for (size_t i = 0; i < records->count; i++) {
            const struct record *r = &records->record[i];
            const char *fault;

            if (r->zone != z || r->is.type != RECORDS_TYPE_DNSKEY)
                continue;
            fault = keys_add(&keys, r->is.rdata, r->is.rdata_len);
            if (fault != NULL)
                return fault;
        }
    }
    return NULL;
}

const char *zones_find(struct records *records)
{
    const char *fault = sort_into_zones(records);

    if (fault == NULL)
        fault = look_at_keys(records);
    if (fault == NULL)
        find_parents(records);
    return fault;
}
