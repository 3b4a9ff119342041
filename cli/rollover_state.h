/*
 * rollover_state.h: how far a rollover is, and what comes next. Pure functions.
 *
 * Beside the key FILE there are FILE.new, the key that comes, and after the switch
 * FILE.old, the key that went. What files cannot say stands in the notes, in
 * FILE.rollover: whose record it is, for how long servers may believe what they
 * knew, and two moments. All else is seen anew by each call.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_CLI_ROLLOVER_STATE_H
#define DANCE_CLI_ROLLOVER_STATE_H

#include "owner_name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Resolvers count whole seconds, and a handshake that began with what was believed must end. */
#define ROLLOVER_MARGIN 5

struct rollover_notes {
    char name[DANCE_NAME_MAX + 1]; /* in lower case */
    uint32_t ttl;                  /* the longest that is known of the record, seconds */
    int64_t seen;     /* since when the new record has been seen, seconds since 1970; 0: not */
    int64_t switched; /* when the new key came into its place; 0: not */
};

/* The notes as a file has them, always of this length, so that one write replaces all of them. */
#define ROLLOVER_NOTES_SIZE 512
void rollover_notes_write(char out[ROLLOVER_NOTES_SIZE], const struct rollover_notes *notes);

/* What that says; false when it is nothing that rollover_notes_write() made. */
bool rollover_notes_read(struct rollover_notes *notes, const char *data, size_t len);

/* What is beside the key. */
struct rollover_files {
    bool new_key;
    bool old_key;
    bool old_is_key; /* FILE.old is the same file as FILE: a switch that was cut short */
};

enum rollover_step {
    ROLLOVER_MAKE,    /* nothing is there: the new key is to be made */
    ROLLOVER_PUBLISH, /* the new record is not seen */
    ROLLOVER_HOLD,    /* it is, but servers may still know what was there before */
    ROLLOVER_SWITCH,  /* the new key is to be put in its place */
    ROLLOVER_KEEP,    /* it is in its place, but the old record is needed still */
    ROLLOVER_REMOVE,  /* the old record and FILE.old may go */
    /* Nothing that a rollover leaves behind, even when it is cut short. */
    ROLLOVER_TWO_KEYS,    /* FILE.new, and FILE.old of another rollover */
    ROLLOVER_LOST_NEW,    /* no FILE.new, and FILE.old is FILE: there is nothing to switch to */
    ROLLOVER_UNKNOWN_NEW, /* FILE.new, but no notes */
    ROLLOVER_UNKNOWN_OLD, /* FILE.old, but no notes */
};

/*
 * What comes next. visible: the new key's record is in the secure answer of this moment. In notes
 * (NULL: there are none) the moments are brought up to date: seen is set when the record is seen
 * for the first time and is forgotten when it is not seen any more, and a moment that lies ahead
 * (the clock was set back) becomes now. *until: when the wait is over, for HOLD and KEEP; else 0.
 */
enum rollover_step rollover_next(const struct rollover_files *files, struct rollover_notes *notes,
                                 bool visible, int64_t now, int64_t *until);

#endif
