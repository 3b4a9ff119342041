/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/insecure.h"

#include "worker/dns/anchor.h"
#include "worker/dns/classify.h"

#include <arpa/nameser.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TYPE_NSEC3 50
#define NSEC3_FIXED 4 /* octets: hash, flags, iterations (RFC 5155, section 3.2) */
#define NSEC3_SHA1 1
#define NSEC3_OPT_OUT 1
/* What no libunbound takes; the limit of each release is this or less (RFC 9276, section 3.2). */
#define NSEC3_ITERATIONS_MAX 150u
#define DS_FIXED 4 /* octets: key tag, algorithm, digest type (RFC 4034, section 5.1) */

static const struct insecure_facts no_denial;

static void copy_name(char out[INSECURE_NAME_SIZE], const char *name)
{
    size_t len = strlen(name);
    bool dot = len == 0 || name[len - 1] != '.';

    (void)snprintf(out, INSECURE_NAME_SIZE, "%s%s", name, dot ? "." : "");
    for (char *c = out; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
}

static bool knows_algorithm(unsigned algorithm)
{
    return algorithm == 5 || algorithm == 7 || algorithm == 8 || algorithm == 10
           || (algorithm >= 13 && algorithm <= 16);
}

static bool knows_digest(unsigned type)
{
    return type == 1 || type == 2 || type == 4;
}

/* How likely a DS record is to count. */
static int rank(unsigned algorithm, unsigned digest_type)
{
    if (!knows_algorithm(algorithm))
        return 1;
    return knows_digest(digest_type) ? 3 : 2;
}

/* The records of a result for DS; of one for another type nobody looks at these. */
static void note_ds(struct insecure_facts *facts, const struct ub_result *result)
{
    int best = 0;

    for (size_t i = 0; result->data[i] != NULL; i++) {
        const unsigned char *rdata = (const unsigned char *)result->data[i];

        if (result->len[i] < DS_FIXED || rank(rdata[2], rdata[3]) <= best)
            continue;
        best = rank(rdata[2], rdata[3]);
        facts->algorithm = rdata[2];
        facts->digest_type = rdata[3];
    }
}

static void note_record(struct insecure_facts *facts, const ns_rr *rr)
{
    const unsigned char *rdata = ns_rr_rdata(*rr);

    if (ns_rr_type(*rr) == INSECURE_TYPE_SOA)
        copy_name(facts->zone, ns_rr_name(*rr));
    if (ns_rr_type(*rr) != TYPE_NSEC3 || ns_rr_rdlen(*rr) < NSEC3_FIXED || rdata[0] != NSEC3_SHA1)
        return;
    facts->nsec3 = true;
    facts->opt_out = facts->opt_out || (rdata[1] & NSEC3_OPT_OUT) != 0;
    facts->iterations = ns_get16(rdata + 2);
}

static void note_section(struct insecure_facts *facts, ns_msg *message, ns_sect section)
{
    ns_rr rr;

    for (int i = 0; i < ns_msg_count(*message, section); i++) {
        if (ns_parserr(message, section, i, &rr) == 0)
            note_record(facts, &rr);
    }
}

void insecure_facts(struct insecure_facts *facts, const struct ub_result *result)
{
    ns_msg message;

    *facts = (struct insecure_facts){0};
    if (result == NULL || result->bogus || (result->rcode != 0 && result->rcode != 3))
        return;
    facts->answered = true;
    facts->secure = result->secure != 0;
    facts->has_data = result->havedata && result->data != NULL && result->data[0] != NULL;
    if (facts->has_data)
        note_ds(facts, result);
    if (result->canonname != NULL)
        copy_name(facts->last, result->canonname);
    if (result->answer_packet == NULL
        || ns_initparse(result->answer_packet, result->answer_len, &message) != 0)
        return;
    /* What libunbound has from others is not authoritative any more. */
    facts->built_in = ns_msg_getflag(message, ns_f_aa) != 0;
    note_section(facts, &message, ns_s_an);
    note_section(facts, &message, ns_s_ns);
}

__attribute__((format(printf, 2, 3))) static bool say(struct insecure *i, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(i->text, sizeof(i->text), format, args);
    va_end(args);
    return false;
}

static bool unknown(struct insecure *i)
{
    return say(i, "%s", CLASSIFY_INSECURE);
}

static bool ask(struct insecure *i, enum insecure_state state, const char *name, int type)
{
    if (i->questions++ == INSECURE_QUESTIONS_MAX)
        return unknown(i);
    i->state = state;
    i->type = type;
    memmove(i->question, name, strlen(name) + 1);
    return true;
}

/* The name without its first label; "" of the root. */
static const char *parent_of(const char *name)
{
    const char *dot = name;

    if (strcmp(name, ".") == 0)
        return "";
    while (*dot != '.' && *dot != '\0')
        dot += *dot == '\\' && dot[1] != '\0' ? 2 : 1;
    return *dot == '.' && dot[1] != '\0' ? dot + 1 : ".";
}

/* Is name in a zone, or the zone itself? */
static bool is_in(const char *name, const char *zone)
{
    while (*name != '\0' && strcmp(name, zone) != 0)
        name = parent_of(name);
    return *name != '\0';
}

/* The zone is known: are its keys secure? */
static bool ask_keys(struct insecure *i, const char *zone)
{
    memmove(i->zone, zone, strlen(zone) + 1);
    return ask(i, INSECURE_KEYS, i->zone, INSECURE_TYPE_DNSKEY);
}

static bool say_no_ds(struct insecure *i, const char *zone, enum insecure_keys keys)
{
    if (keys == INSECURE_KEYS_NONE)
        return say(i, "the zone is not signed: %s", zone);
    if (keys == INSECURE_KEYS_SOME)
        return say(i, "the zone is signed, but its parent has no DS record for it: %s", zone);
    return say(i, "the zone's parent has no DS record for it: %s", zone);
}

static bool say_no_anchor(struct insecure *i)
{
    static const char *const signed_or_not[] = {
        [INSECURE_KEYS_UNKNOWN] = "",
        [INSECURE_KEYS_NONE] = ", which is not signed either",
        [INSECURE_KEYS_SOME] = ", which is signed",
    };

    return say(i, "no trust anchor covers the zone%s: %s", signed_or_not[i->lowest_keys],
               i->lowest);
}

/* What is above the zone cannot be found out. */
static bool say_what_is_known(struct insecure *i)
{
    if (anchor_over(i->zone) == NULL)
        return say_no_anchor(i);
    return i->keys == INSECURE_KEYS_NONE ? say_no_ds(i, i->zone, i->keys) : unknown(i);
}

/* A DS record of the zone is secure, and yet the zone is not. */
static bool say_not_known(struct insecure *i, const struct insecure_facts *ds)
{
    if (!knows_algorithm(ds->algorithm))
        return say(i,
                   "the zone has DS records of algorithm %u only, which this libunbound does not "
                   "know: %s",
                   ds->algorithm, i->zone);
    if (!knows_digest(ds->digest_type))
        return say(i,
                   "the zone has DS records of digest type %u only, which this libunbound does not "
                   "know: %s",
                   ds->digest_type, i->zone);
    return say(i, "the zone's DS records do not count here (algorithm %u, digest type %u): %s",
               ds->algorithm, ds->digest_type, i->zone);
}

/* An anchor stands at the zone, and yet the zone is not secure. */
static bool say_anchor_not_known(struct insecure *i, const struct anchor *anchor)
{
    if (anchor->digest_type == 0)
        return say(i, "the zone's trust anchors do not count here (algorithm %u): %s",
                   anchor->algorithm, i->zone);
    return say(i, "the zone's trust anchors do not count here (algorithm %u, digest type %u): %s",
               anchor->algorithm, anchor->digest_type, i->zone);
}

/* The zone is secure: what it denies is not, and why is in how it does. */
static bool say_denial(struct insecure *i)
{
    const struct insecure_facts *denial = &i->denial;
    char alias[INSECURE_NAME_SIZE];

    if (denial->nsec3 && (!denial->opt_out || denial->iterations > NSEC3_ITERATIONS_MAX))
        return say(i,
                   "the zone denies with %u NSEC3 iterations, more than this libunbound takes: %s",
                   denial->iterations, i->zone);
    if (denial->nsec3 && i->below[0] != '\0')
        return say_no_ds(i, i->below, i->below_keys);
    if (denial->nsec3)
        return say(i, "the zone's denials leave out what is not signed (NSEC3 opt-out): %s",
                   i->zone);
    if (i->below[0] != '\0' || i->other[0] == '\0')
        return unknown(i);
    /* Not where the alias leads: then it is the alias, which stands in the zone of its parent. */
    memcpy(alias, i->other, sizeof(alias));
    i->other[0] = '\0';
    return ask(i, INSECURE_ZONE, parent_of(alias), INSECURE_TYPE_SOA);
}

static bool on_zone(struct insecure *i, const struct insecure_facts *answer)
{
    if (answer->zone[0] == '\0' || !is_in(i->question, answer->zone))
        return unknown(i);
    i->lowest[0] = '\0';
    return ask_keys(i, answer->zone);
}

static bool on_keys(struct insecure *i, const struct insecure_facts *answer)
{
    const struct anchor *anchor = anchor_over(i->zone);

    if (answer->secure)
        return say_denial(i);
    i->keys = !answer->answered  ? INSECURE_KEYS_UNKNOWN
              : answer->has_data ? INSECURE_KEYS_SOME
                                 : INSECURE_KEYS_NONE;
    if (i->lowest[0] == '\0') {
        memcpy(i->lowest, i->zone, sizeof(i->lowest));
        i->lowest_keys = i->keys;
    }
    if (anchor != NULL && strcmp(anchor->owner, i->zone) == 0)
        return say_anchor_not_known(i, anchor);
    if (strcmp(i->zone, ".") == 0)
        return say_no_anchor(i);
    return ask(i, INSECURE_DS, i->zone, INSECURE_TYPE_DS);
}

/* The parent zone is known, and what it says of a DS record is not secure. */
static bool go_up(struct insecure *i, const char *parent)
{
    if (parent[0] == '\0' || strcmp(i->zone, parent) == 0 || !is_in(i->zone, parent))
        return say_what_is_known(i);
    memcpy(i->below, i->zone, sizeof(i->below));
    i->below_keys = i->keys;
    return ask_keys(i, parent);
}

static bool on_ds(struct insecure *i, const struct insecure_facts *answer)
{
    if (!answer->answered)
        return say_what_is_known(i);
    if (answer->secure)
        return answer->has_data ? say_not_known(i, answer) : say_no_ds(i, i->zone, i->keys);
    i->denial = answer->has_data ? no_denial : *answer;
    if (answer->has_data)
        return ask(i, INSECURE_PARENT, parent_of(i->zone), INSECURE_TYPE_SOA);
    return go_up(i, answer->zone);
}

bool insecure_begin(struct insecure *i, const char *name, const struct insecure_facts *answer)
{
    *i = (struct insecure){.denial = answer->has_data ? no_denial : *answer};
    copy_name(i->name, name);
    if (answer->built_in)
        return say(i, "libunbound answers for the zone by itself (local-zone): %s",
                   answer->zone[0] != '\0' ? answer->zone : i->name);
    if (answer->last[0] != '\0') {
        memcpy(i->other, i->name, sizeof(i->other));
        memcpy(i->name, answer->last, sizeof(i->name));
    }
    if (answer->zone[0] != '\0' && is_in(i->name, answer->zone))
        return ask_keys(i, answer->zone);
    return ask(i, INSECURE_ZONE, i->name, INSECURE_TYPE_SOA);
}

bool insecure_next(struct insecure *i, const struct insecure_facts *answer)
{
    switch (i->state) {
    case INSECURE_ZONE:
        return on_zone(i, answer);
    case INSECURE_KEYS:
        return on_keys(i, answer);
    case INSECURE_DS:
        return on_ds(i, answer);
    case INSECURE_PARENT:
        return go_up(i, answer->zone);
    }
    return unknown(i);
}
