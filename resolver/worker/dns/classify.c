/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/classify.h"

#include <stdio.h>
#include <string.h>

#define RCODE_NOERROR 0
#define RCODE_NXDOMAIN 3

#define TLSA_FIXED 3 /* octets: usage, selector, matching type (RFC 6698, section 2.1) */

void classify_failure(struct dance_wire_answer *answer, struct classify_reason *reason,
                      enum dance_wire_status status, const char *text)
{
    size_t n = 0;

    for (; *text != '\0' && n < DANCE_WIRE_REASON_MAX; text++)
        reason->text[n++] = (char)(*text >= 0x20 && *text <= 0x7e ? *text : '?');
    reason->text[n] = '\0';
    answer->status = status;
    /* Being busy says nothing about the name. */
    answer->ttl = status == DANCE_WIRE_BUSY ? 0 : CLASSIFY_FAILURE_TTL;
    answer->reason = reason->text;
    answer->reason_len = n;
    answer->count = 0;
}

static uint32_t bounded_ttl(int ttl, uint32_t max)
{
    if (ttl < 0)
        return 0;
    return (uint32_t)ttl > max ? max : (uint32_t)ttl;
}

static void denial(struct dance_wire_answer *answer, struct classify_reason *reason,
                   enum dance_wire_status status, const char *text, uint32_t ttl)
{
    classify_failure(answer, reason, status, text);
    answer->ttl = ttl;
}

/*
 * libunbound's words without "validation failure <NAME TYPE CLASS>: ". Of what failed because
 * something failed before, what that was, which would be cut off.
 */
static const char *cause(const char *why)
{
    static const char begin[] = "validation failure <";
    static const char end[] = ">: ";
    const char *next;

    while ((next = strstr(why, begin)) != NULL && (next = strstr(next, end)) != NULL
           && next[sizeof(end) - 1] != '\0')
        why = next + sizeof(end) - 1;
    return why;
}

static void rcode_failure(struct dance_wire_answer *answer, struct classify_reason *reason,
                          int rcode, const char *why)
{
    static const char *const names[] = {"NOERROR",  "FORMERR", "SERVFAIL",
                                        "NXDOMAIN", "NOTIMP",  "REFUSED"};
    char text[DANCE_WIRE_REASON_MAX + 1];
    const char *name = rcode >= 0 && rcode < 6 ? names[rcode] : "an error";

    (void)snprintf(text, sizeof(text), "the DNS answers %s%s%s", name, why != NULL ? ": " : "",
                   why != NULL ? why : "");
    classify_failure(answer, reason, DANCE_WIRE_FAILED, text);
}

static void copy_records(struct dance_wire_answer *answer, struct classify_reason *reason,
                         const struct ub_result *result, uint32_t ttl)
{
    size_t octets = 0;

    answer->count = 0;
    for (size_t i = 0; result->data[i] != NULL; i++) {
        struct dance_wire_record *record = &answer->record[answer->count];

        if (i == DANCE_WIRE_RECORDS_MAX) {
            classify_failure(answer, reason, DANCE_WIRE_FAILED,
                             "there are more than 100 TLSA records");
            return;
        }
        /* Whoever wrote such a record may have written good ones beside it. */
        if (result->len[i] < TLSA_FIXED)
            continue;
        record->rdata = (const uint8_t *)result->data[i];
        record->len = (size_t)result->len[i];
        octets += record->len + 2;
        answer->count++;
    }
    if (octets > DANCE_WIRE_MAX - 512) {
        classify_failure(answer, reason, DANCE_WIRE_FAILED, "the TLSA records are too large");
        return;
    }
    if (answer->count == 0) {
        denial(answer, reason, DANCE_WIRE_ABSENT,
               "what there is has less than the three octets of a TLSA record", ttl);
        return;
    }
    answer->status = DANCE_WIRE_SECURE;
    answer->ttl = bounded_ttl(result->ttl, CLASSIFY_TTL_MAX);
    answer->reason = "";
    answer->reason_len = 0;
}

void classify_result(struct dance_wire_answer *answer, struct classify_reason *reason, int error,
                     const struct ub_result *result, uint32_t denial_ttl)
{
    uint32_t ttl = result != NULL ? bounded_ttl(result->ttl, denial_ttl) : 0;

    if (error != 0 || result == NULL) {
        classify_failure(answer, reason, DANCE_WIRE_FAILED,
                         error != 0 ? ub_strerror(error) : "libunbound gives no result");
    } else if (result->bogus) {
        classify_failure(answer, reason, DANCE_WIRE_BOGUS,
                         result->why_bogus != NULL ? cause(result->why_bogus)
                                                   : "validation failed");
    } else if (result->rcode != RCODE_NOERROR && result->rcode != RCODE_NXDOMAIN) {
        rcode_failure(answer, reason, result->rcode, result->why_bogus);
    } else if (!result->secure) {
        denial(answer, reason, DANCE_WIRE_INSECURE, CLASSIFY_INSECURE, ttl);
    } else if (result->havedata && result->data != NULL && result->data[0] != NULL) {
        copy_records(answer, reason, result, ttl);
    } else {
        denial(answer, reason, DANCE_WIRE_ABSENT,
               result->nxdomain ? "the name does not exist"
                                : "the name exists, but has no TLSA record",
               ttl);
    }
}
