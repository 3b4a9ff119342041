/*
 * anchor_entry.h: the entries of a file of trust anchors, as words. Pure, but for what is wrong.
 *
 * An entry is a record or a directive, over as many lines as its parentheses hold. Comments are
 * passed over but for what RFC 5011's state files say in them of the key before.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#ifndef DANCE_ANCHOR_ENTRY_H
#define DANCE_ANCHOR_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#define ENTRY_WORDS_MAX 256

struct word {
    const char *at; /* in the text */
    size_t len;
};

struct entry {
    struct word words[ENTRY_WORDS_MAX];
    size_t count;
    unsigned line;  /* of the first word */
    bool has_owner; /* it begins where its line does */
    bool counts;    /* no comment of it says that the key is in a state that does not */
};

struct entry_reader {
    const char *at;
    const char *end;
    unsigned line; /* 1 at first */
};

/* The next entry; without words at the end of the text. false: with anchor_fault(). */
bool entry_take(struct entry_reader *reader, struct entry *entry);

/* In upper or lower case. */
bool entry_word_is(const struct word *word, const char *text);

/* For %.*s: as much as is shown of a word. */
int entry_word_shown(const struct word *word);

/* Say what is wrong, and where; false. */
bool anchor_fault_at(unsigned line, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool anchor_fault_is(const char *text);

/* What was said last. Static. */
const char *anchor_fault(void);

#endif
