/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/classify.h"

#include <stdio.h>

#define RCODE_NOERROR 0
#define RCODE_NXDOMAIN 3

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

static uint32_t bounded_ttl(int ttl)
{
    if (ttl < 0)
        return 0;
    return ttl > (int)CLASSIFY_TTL_MAX ? CLASSIFY_TTL_MAX : (uint32_t)ttl;
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
                         const struct ub_result *result)
{
    size_t octets = 0;
    size_t n = 0;

    for (size_t i = 0; result->data[i] != NULL; i++) {
        /* No TLSA record (RFC 6698, section 2.1); the others are none the worse for it. */
        if (result->len[i] < 3)
            continue;
        if (n == DANCE_WIRE_RECORDS_MAX) {
            classify_failure(answer, reason, DANCE_WIRE_FAILED,
                             "there are more than 100 TLSA records");
            return;
        }
        answer->record[n].rdata = (const uint8_t *)result->data[i];
        answer->record[n].len = (size_t)result->len[i];
        octets += answer->record[n++].len + 2;
    }
    if (n == 0) {
        classify_failure(answer, reason, DANCE_WIRE_FAILED, "its TLSA records are all malformed");
        return;
    }
    if (octets > DANCE_WIRE_MAX - 512) {
        classify_failure(answer, reason, DANCE_WIRE_FAILED, "the TLSA records are too large");
        return;
    }
    answer->status = DANCE_WIRE_SECURE;
    answer->ttl = bounded_ttl(result->ttl);
    answer->reason = "";
    answer->reason_len = 0;
    answer->count = n;
}

void classify_result(struct dance_wire_answer *answer, struct classify_reason *reason, int error,
                     const struct ub_result *result)
{
    if (error != 0 || result == NULL) {
        classify_failure(answer, reason, DANCE_WIRE_FAILED,
                         error != 0 ? ub_strerror(error) : "libunbound gives no result");
    } else if (result->bogus) {
        classify_failure(answer, reason, DANCE_WIRE_BOGUS,
                         result->why_bogus != NULL ? result->why_bogus : "validation failed");
    } else if (result->rcode != RCODE_NOERROR && result->rcode != RCODE_NXDOMAIN) {
        rcode_failure(answer, reason, result->rcode, result->why_bogus);
    } else if (!result->secure) {
        classify_failure(answer, reason, DANCE_WIRE_INSECURE,
                         "the zone is not signed, or no trust anchor covers it");
        answer->ttl = bounded_ttl(result->ttl);
    } else if (result->havedata && result->data != NULL && result->data[0] != NULL) {
        copy_records(answer, reason, result);
    } else {
        classify_failure(answer, reason, DANCE_WIRE_ABSENT,
                         result->nxdomain ? "the name does not exist"
                                          : "the name exists, but has no TLSA record");
        answer->ttl = bounded_ttl(result->ttl);
    }
}
