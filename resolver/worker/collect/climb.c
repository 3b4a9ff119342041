/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/collect/climb.h"

#include "worker/collect/gathered.h"
#include "worker/dns/anchor.h"
#include "worker/dns/classify.h"
#include "worker/dns/dns.h"
#include "worker/dns/explain.h"

#include <arpa/nameser.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_DS 43
#define TYPE_DNSKEY 48

/*
 * Nobody's handshake waits for a chain. So what strangers' names do in this context makes one
 * later, and what a chain's zones cost is beside names of which nothing is known either.
 */
#define CONTEXT DNS_FOR_NEW
/* What has changed by the time that a TTL ends is not asked for more often than this, */
#define TTL_MIN 5
/* and a signature that ends is replaced in the second half of what is left of it. */
#define SHARE_OF_SIGNATURE 2

enum step { STEP_RECORDS, STEP_KEYS, STEP_DS };

struct climb {
    struct gathered records;
    char name[NS_MAXDNAME]; /* of the zone that is asked about, or what was begun with */
    enum step step;
    size_t zone;             /* among the signers, of the last two steps */
    int id;                  /* libunbound's */
    struct explain *explain; /* its answer is insecure, and why is being found out; or NULL */
    climb_done *done;
    void *arg;
};

static void on_result(void *arg, int error, struct ub_result *result);

static void finish(struct climb *c, const struct dance_wire_collected *collected)
{
    climb_done *done = c->done;
    void *arg = c->arg;

    done(arg, collected);
    free(c);
}

__attribute__((format(printf, 3, 4))) static void
fail(struct climb *c, enum dance_wire_status status, const char *format, ...)
{
    struct dance_wire_collected collected = {.reason = ""};
    struct dance_wire_answer answer;
    struct classify_reason reason;
    char text[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    classify_failure(&answer, &reason, status, text);
    collected.status = status;
    collected.ttl = answer.ttl;
    collected.reason = reason.text;
    collected.reason_len = answer.reason_len;
    finish(c, &collected);
}

/* All of it is there. */
static void succeed(struct climb *c)
{
    const struct gathered *r = &c->records;
    struct dance_wire_collected collected = {
        .status = DANCE_WIRE_SECURE, .reason = "", .chain = r->octets, .chain_len = r->len};
    int64_t now = (int64_t)time(NULL);
    int64_t ttl = r->ttl < CLASSIFY_TTL_MAX ? r->ttl : CLASSIFY_TTL_MAX;
    int64_t from = 0;
    int64_t until = 0;

    if (!dance_chain_window(r->octets, r->len, now, &from, &until) || until <= now) {
        fail(c, DANCE_WIRE_FAILED, "a signature of the chain has just ended");
        return;
    }
    if ((until - now) / SHARE_OF_SIGNATURE < ttl)
        ttl = (until - now) / SHARE_OF_SIGNATURE;
    collected.ttl = ttl > TTL_MIN ? (uint32_t)ttl : TTL_MIN;
    finish(c, &collected);
}

/* 0, or libunbound's error. */
static int ask(struct climb *c)
{
    static const int types[] = {
        [STEP_RECORDS] = DNS_TYPE_TLSA, [STEP_KEYS] = TYPE_DNSKEY, [STEP_DS] = TYPE_DS};

    return dns_start(CONTEXT, c->name, types[c->step], c, on_result, &c->id);
}

/* The name of a zone as libunbound and the anchors have it. */
static bool write_name(const uint8_t *wire, char out[NS_MAXDNAME])
{
    size_t len;

    if (ns_name_ntop(wire, out, NS_MAXDNAME - 1) < 0)
        return false;
    len = strlen(out);
    if (len == 0 || out[len - 1] != '.')
        memcpy(out + len, ".", 2);
    return true;
}

/* Is there a trust anchor in a zone above this one? */
static bool goes_on(const uint8_t *zone)
{
    char above[NS_MAXDNAME];

    return *zone != 0 && write_name(zone + 1 + *zone, above) && anchor_over(above) != NULL;
}

static bool has_anchor(const char *zone)
{
    const struct anchor *anchor = anchor_over(zone);

    return anchor != NULL && strcmp(anchor->owner, zone) == 0;
}

/* Go on with what is to be asked next. */
static void climb(struct climb *c)
{
    int error;

    if (c->zone == c->records.signers) {
        succeed(c);
        return;
    }
    if (!write_name(c->records.signer[c->zone].name, c->name)) {
        fail(c, DANCE_WIRE_FAILED, "a zone's name cannot be written out");
        return;
    }
    error = ask(c);
    if (error != 0)
        fail(c, DANCE_WIRE_FAILED, "%s", ub_strerror(error));
}

/* The step is done: what comes after it? */
static void step_on(struct climb *c)
{
    const uint8_t *zone = c->records.signer[c->zone].name;

    if (c->step == STEP_RECORDS) {
        c->step = STEP_KEYS;
    } else if (c->step == STEP_KEYS && goes_on(zone)) {
        c->step = STEP_DS;
    } else if (c->step == STEP_KEYS && !has_anchor(c->name)) {
        /* libunbound validated it all the same: this is not to be met. */
        fail(c, DANCE_WIRE_FAILED, "no trust anchor covers the zone: %s", c->name);
        return;
    } else {
        c->step = STEP_KEYS;
        c->zone++;
    }
    climb(c);
}

static void on_explained(void *arg, const char *text)
{
    struct climb *c = arg;

    c->explain = NULL;
    fail(c, DANCE_WIRE_INSECURE, "%s", text);
}

/* No chain can come of this. */
static void refuse(struct climb *c, const struct dance_wire_answer *answer,
                   const struct ub_result *result)
{
    struct explain *begun;

    if (c->step != STEP_RECORDS) {
        fail(c, answer->status == DANCE_WIRE_BOGUS ? DANCE_WIRE_BOGUS : DANCE_WIRE_FAILED,
             "%s of %s: %.*s", c->step == STEP_KEYS ? "the DNSKEY records" : "the DS record",
             c->name, (int)answer->reason_len, answer->reason);
    } else if (answer->status == DANCE_WIRE_INSECURE) {
        begun = explain_begin(CONTEXT, c->name, result, on_explained, c);
        /* Or c has come to its end. */
        if (begun != NULL)
            c->explain = begun;
    } else {
        fail(c, answer->status, "%.*s", (int)answer->reason_len, answer->reason);
    }
}

static void on_result(void *arg, int error, struct ub_result *result)
{
    static const unsigned types[] = {
        [STEP_RECORDS] = DNS_TYPE_TLSA, [STEP_KEYS] = TYPE_DNSKEY, [STEP_DS] = TYPE_DS};
    struct climb *c = arg;
    struct dance_wire_answer answer;
    struct classify_reason reason;
    const char *why;

    classify_result(&answer, &reason, error, result, CLASSIFY_TTL_MAX);
    if (answer.status == DANCE_WIRE_SECURE) {
        if (gathered_take(&c->records, result->answer_packet, result->answer_len, types[c->step],
                          time(NULL), &why))
            step_on(c);
        else
            fail(c, DANCE_WIRE_FAILED, "%s", why);
    } else if (c->step == STEP_DS && answer.status != DANCE_WIRE_FAILED && has_anchor(c->name)) {
        /* An island: there is no way up from here, and none is needed. */
        step_on(c);
    } else {
        refuse(c, &answer, result);
    }
    ub_resolve_free(result);
}

struct climb *climb_begin(const char *name, climb_done *done, void *arg)
{
    struct climb *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    gathered_begin(&c->records);
    (void)snprintf(c->name, sizeof(c->name), "%s", name);
    c->done = done;
    c->arg = arg;
    if (ask(c) == 0)
        return c;
    free(c);
    return NULL;
}

void climb_cancel(struct climb *climb)
{
    if (climb->explain != NULL)
        explain_cancel(climb->explain);
    else
        dns_cancel(CONTEXT, climb->id);
    free(climb);
}
