/*
 * insecure.h: why an answer is not secured by DNSSEC. Pure.
 *
 * libunbound says of an insecure answer only that. Which zone is the cause, and what of it, takes
 * further questions, which are asked here one after the other: which zone is the name in; has it
 * keys, and are they secure; what does its parent say of a DS record; and if that is not secure
 * either, the same of the parent, up to where security ends. What libunbound looked up for the
 * answer itself is in its cache, so most of them are answered at once.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_INSECURE_H
#define DANCE_INSECURE_H

#include "dance_wire.h"

#include <stdbool.h>
#include <unbound.h>

#define INSECURE_NAME_SIZE 257
#define INSECURE_QUESTIONS_MAX 12 /* then it stays unknown */

#define INSECURE_TYPE_SOA 6
#define INSECURE_TYPE_DS 43
#define INSECURE_TYPE_DNSKEY 48

/* What a result says that matters here. Names are absolute and lower case. */
struct insecure_facts {
    bool answered; /* by the DNS, and not bogus */
    bool secure;
    bool has_data;
    bool built_in;                 /* libunbound answers by itself */
    char zone[INSECURE_NAME_SIZE]; /* owner of the SOA record in it; empty: there is none */
    char last[INSECURE_NAME_SIZE]; /* what the name is an alias of in the end; empty: of nothing */
    bool nsec3;                    /* it denies by NSEC3, with the usual hash */
    bool opt_out;
    unsigned iterations;
    unsigned algorithm; /* of a DS record, the one that is the most likely to count */
    unsigned digest_type;
};

enum insecure_state { INSECURE_ZONE, INSECURE_KEYS, INSECURE_DS, INSECURE_PARENT };

enum insecure_keys { INSECURE_KEYS_UNKNOWN, INSECURE_KEYS_NONE, INSECURE_KEYS_SOME };

/* What is known, and asked next. */
struct insecure {
    enum insecure_state state;
    char name[INSECURE_NAME_SIZE];
    char other[INSECURE_NAME_SIZE]; /* an alias that is to be looked at should this be no cause */
    char zone[INSECURE_NAME_SIZE];
    enum insecure_keys keys;         /* of the zone */
    char below[INSECURE_NAME_SIZE];  /* the zone below whose DS record is not secure; or empty */
    enum insecure_keys below_keys;   /* its keys */
    struct insecure_facts denial;    /* that was found not secure: of the name, or of that DS */
    char lowest[INSECURE_NAME_SIZE]; /* the zone of the name */
    enum insecure_keys lowest_keys;
    unsigned questions;

    char question[INSECURE_NAME_SIZE];
    int type;
    char text[DANCE_WIRE_REASON_MAX + 1]; /* the reason, once there is no question */
};

void insecure_facts(struct insecure_facts *facts, const struct ub_result *result);

/* Begin with the insecure answer for a name. true: ask the question; false: the text stands. */
bool insecure_begin(struct insecure *i, const char *name, const struct insecure_facts *answer);

/* Likewise with the answer to the question. */
bool insecure_next(struct insecure *i, const struct insecure_facts *answer);

#endif
