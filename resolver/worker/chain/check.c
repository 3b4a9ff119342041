/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/chain/check.h"

#include "worker/chain/context.h"
#include "worker/chain/records.h"
#include "worker/chain/text.h"
#include "worker/chain/upper.h"
#include "worker/chain/wire_name.h"
#include "worker/dns/anchor.h"
#include "worker/dns/signatures.h"

#include <stdio.h>
#include <string.h>

#define TYPE_A 1
/* Of a delegation over more than one label, each of which needs a context. */
#define STEPS_MAX 4u
#define TOO_MANY_DS "it has too many DS records"

/* Of one check at a time. */
static struct records records;
static struct context_anchors anchors;
static struct text scratch;

static void refuse(struct check *check, enum dance_wire_status status, const char *why)
{
    char text[DANCE_WIRE_REASON_MAX + 1];

    (void)snprintf(text, sizeof(text), CHECK_REASON "%.*s",
                   (int)(sizeof(text) - sizeof(CHECK_REASON)), why);
    classify_failure(&check->answer, &check->reason, status, text);
}

void check_fail(struct check *check, enum dance_wire_status status, const char *why)
{
    check->result = NULL;
    refuse(check, status, why);
}

void check_end(struct check *check)
{
    ub_resolve_free(check->result);
    check->result = NULL;
}

bool check_open(void)
{
    struct ub_result *result = NULL;
    int error;

    records.count = records.zones = 0;
    anchors.count = 0;
    error = context_resolve(&records, &anchors, "dance.invalid.", TYPE_A, &result);
    ub_resolve_free(result);
    return error == 0;
}

static bool is_anchored(const struct record_zone *zone)
{
    uint8_t name[WIRE_NAME_MAX];

    for (const struct anchor *a = anchors_first(); a != NULL; a = a->next) {
        if (wire_name_same(name, wire_name_of(a->owner, name), zone->apex, zone->apex_len))
            return true;
    }
    return false;
}

/*
 * libunbound walks from a zone to the next label by label, and wants a proof for each that is none.
 * Chains have no such proof: the DS records themselves are what it would come to.
 */
static bool needs_step(const struct record_zone *zone)
{
    return zone->delegated && !zone->proved && !zone->unneeded
           && wire_name_labels(zone->apex) > wire_name_labels(records.zone[zone->parent].apex) + 1;
}

/* The zone that needs a step, was not done yet, and is closest to the root; zones: none. */
static size_t next_step(const bool done[RECORDS_ZONES_MAX])
{
    size_t next = records.zones;

    for (size_t z = 0; z < records.zones; z++) {
        if (!done[z] && needs_step(&records.zone[z])
            && (next == records.zones
                || wire_name_labels(records.zone[z].apex)
                       < wire_name_labels(records.zone[next].apex)))
            next = z;
    }
    return next;
}

static bool is_good(int error, const struct ub_result *result)
{
    return error == 0 && result != NULL && result->secure && !result->bogus && result->havedata;
}

/*
 * Where a trust anchor stands, the way up is at its end: DS records of that zone are never looked
 * at, prove nothing, and must not be taken for proved.
 */
static void end_at_anchors(void)
{
    for (size_t z = 0; z < records.zones; z++) {
        if (is_anchored(&records.zone[z]))
            records.zone[z].delegated = false;
    }
}

/* The DS records of zone z hold: they are anchors, for this chain. */
static bool add_anchors(size_t z)
{
    struct record_zone *zone = &records.zone[z];

    for (size_t i = 0; i < records.count; i++) {
        const struct dance_chain_record *r = &records.record[i].is;

        if (r->type != RECORDS_TYPE_DS
            || !wire_name_same(r->owner, r->owner_len, zone->apex, zone->apex_len))
            continue;
        text_clear(&scratch);
        text_add_name(&scratch, r->owner);
        text_add_record(&scratch, 0, RECORDS_TYPE_DS, r->rdata, r->rdata_len);
        if (scratch.full || scratch.len >= CONTEXT_ANCHOR_MAX
            || anchors.count == CONTEXT_ANCHORS_MAX)
            return false;
        scratch.octets[scratch.len - 1] = '\0'; /* of the line's end */
        memcpy(anchors.record[anchors.count++], scratch.octets, scratch.len);
    }
    zone->proved = true;
    return true;
}

/* The zone that a name (absolute, with the trailing dot) is looked for in; zones: there is none, or
 * an alias may lead elsewhere. */
static size_t zone_over(const char *name)
{
    uint8_t wire[WIRE_NAME_MAX];
    size_t len = wire_name_of(name, wire);
    size_t over = records.zones;

    for (size_t i = 0; i < records.count; i++) {
        unsigned type = records.record[i].is.type;

        if (type == RECORDS_TYPE_CNAME || type == RECORDS_TYPE_DNAME)
            return records.zones;
    }
    for (size_t z = 0; z < records.zones; z++) {
        const struct record_zone *zone = &records.zone[z];

        if (wire_name_within(wire, len, zone->apex, zone->apex_len)
            && (over == records.zones || zone->apex_len > records.zone[over].apex_len))
            over = z;
    }
    return over;
}

/* What was proved above zone z by an earlier chain is not looked at again. false: too much. */
static bool begin_below(size_t z)
{
    size_t from = z;

    while (from < records.zones && records.zone[from].delegated && !upper_known(&records, from))
        from = records.zone[from].parent;
    if (from == records.zones || !records.zone[from].delegated)
        return true;
    for (size_t i = 0; i < records.zones; i++)
        records.zone[i].unneeded = true;
    for (; z != from; z = records.zone[z].parent)
        records.zone[z].unneeded = false;
    records.zone[from].unneeded = false;
    return add_anchors(from);
}

/* All that is above zone z holds. */
static void learn_above(size_t z)
{
    for (; z < records.zones && records.zone[z].delegated; z = records.zone[z].parent)
        upper_learn(&records, z);
}

/*
 * What libunbound says as an answer: only what is secure is another's to believe. That there is no
 * record, or no security, is no more than a chain that proves nothing.
 */
static void conclude(struct check *check, int error)
{
    const struct ub_result *result = check->result;
    struct dance_wire_answer *answer = &check->answer;
    char why[DANCE_WIRE_REASON_MAX + 1];

    classify_result(answer, &check->reason, error, result, 0);
    if (answer->status == DANCE_WIRE_SECURE) {
        /* First: a TTL above the one that was signed, a denial's too, is taken for an unknown age.
         */
        if (answer->ttl > records.ttl)
            answer->ttl = records.ttl;
        if (signatures_limit(result->answer_packet, result->answer_len, &answer->ttl, time(NULL))
            != SIGNATURES_GOOD)
            refuse(check, DANCE_WIRE_BOGUS, "the record's signature has ended");
        return;
    }
    (void)snprintf(why, sizeof(why), "%.*s", (int)answer->reason_len, answer->reason);
    /* SERVFAIL and the like: libunbound looked for what is not in the chain. */
    if (answer->status == DANCE_WIRE_FAILED && error == 0 && result != NULL)
        refuse(check, DANCE_WIRE_BOGUS, "it does not lead to the record");
    else
        refuse(check, error != 0 ? DANCE_WIRE_FAILED : DANCE_WIRE_BOGUS, why);
}

/* Find the DS records of the zones that libunbound cannot walk to. false: the check has ended. */
static bool take_steps(struct check *check)
{
    bool done[RECORDS_ZONES_MAX] = {false};
    size_t steps = 0;
    size_t z;

    while ((z = next_step(done)) < records.zones) {
        int error;

        done[z] = true;
        if (++steps > STEPS_MAX) {
            refuse(check, DANCE_WIRE_BOGUS, "it has too many zones");
            return false;
        }
        text_clear(&scratch);
        text_add_name(&scratch, records.zone[z].apex);
        error =
            context_resolve(&records, &anchors, scratch.octets, RECORDS_TYPE_DS, &check->result);
        if (!is_good(error, check->result)) {
            conclude(check, error);
            return false;
        }
        if (!add_anchors(z)) {
            refuse(check, DANCE_WIRE_BOGUS, TOO_MANY_DS);
            return false;
        }
        check_end(check);
    }
    return true;
}

void check_chain(struct check *check, const struct dance_wire_chain *chain)
{
    char name[DANCE_WIRE_NAME_MAX + 2];
    time_t now = time(NULL);
    const char *fault = records_read(&records, chain->chain, chain->chain_len, now);
    uint32_t passed;
    size_t z = 0;
    int error;

    check->result = NULL;
    anchors.count = 0;
    (void)snprintf(name, sizeof(name), "%.*s.", (int)chain->query.name_len, chain->query.name);
    if (fault == NULL) {
        end_at_anchors();
        z = zone_over(name);
        fault = begin_below(z) ? NULL : TOO_MANY_DS;
    }
    if (fault != NULL) {
        refuse(check, DANCE_WIRE_BOGUS, fault);
        return;
    }
    if (!take_steps(check))
        return;
    error = context_resolve(&records, &anchors, name, RECORDS_TYPE_TLSA, &check->result);
    /* On a busy machine that was a while ago. */
    passed = (uint32_t)(time(NULL) - now);
    records.ttl -= passed < records.ttl ? passed : records.ttl;
    conclude(check, error);
    if (check->answer.status == DANCE_WIRE_SECURE)
        learn_above(z);
}

void check_prepare(void)
{
    (void)context_prepare();
}

void check_close(void)
{
    context_close();
    upper_forget();
}
