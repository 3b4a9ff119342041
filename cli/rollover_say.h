/*
 * rollover_say.h: what dance rollover tells: each step in words, or the last one in JSON.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_ROLLOVER_SAY_H
#define DANCE_CLI_ROLLOVER_SAY_H

#include "dance_wire.h"
#include "rollover_files.h"

/* What there is to tell of. */
struct rollover_facts {
    const char *name;
    const struct rollover_paths *paths;
    uint32_t ttl;
    struct dance_wire_record old_record;
    struct dance_wire_record new_record;
    const char *server;  /* of --update, or NULL */
    bool published;      /* the server has taken the new record, in this call */
    bool old_lost;       /* the resolver shows the new record, and not the old one */
    bool certificate;    /* the client has one */
    const char *answer;  /* what the resolver said last; "" where it was not asked */
    uint32_t answer_ttl; /* for how long it will say so, seconds */
    int64_t until;       /* when the wait is over, seconds since 1970; 0: there is none */
    bool done;           /* what was asked for is so */
};

/* A step in words: what is so, and what is to be done. */
void rollover_say_text(enum rollover_step step, const struct rollover_facts *facts);

/* The step at which a call ends, as an object. finished: nothing of the rollover is left. */
void rollover_say_json(enum rollover_step step, bool finished, const struct rollover_facts *facts);

#endif
