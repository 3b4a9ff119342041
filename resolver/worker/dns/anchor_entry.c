/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/dns/anchor_entry.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define STATE_VALID '2'
#define STATE_MISSING '3'

static char words_of_fault[256];

bool anchor_fault_at(unsigned line, const char *format, ...)
{
    int used = snprintf(words_of_fault, sizeof(words_of_fault), "line %u: ", line);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(words_of_fault + used, sizeof(words_of_fault) - (size_t)used, format, args);
    va_end(args);
    return false;
}

bool anchor_fault_is(const char *text)
{
    (void)snprintf(words_of_fault, sizeof(words_of_fault), "%s", text);
    return false;
}

const char *anchor_fault(void)
{
    return words_of_fault;
}

bool entry_word_is(const struct word *word, const char *text)
{
    return word->len == strlen(text) && strncasecmp(word->at, text, word->len) == 0;
}

int entry_word_shown(const struct word *word)
{
    return word->len > 64 ? 64 : (int)word->len;
}

/* Take a comment, up to the end of its line. */
static bool take_comment(struct entry_reader *r, struct entry *e)
{
    static const char state[] = "state=";
    const size_t len = sizeof(state) - 1;
    const char *begin = r->at;
    const char *end = memchr(begin, '\n', (size_t)(r->end - begin));
    const char *found;

    r->at = end != NULL ? end : r->end;
    /* What unbound writes when all keys of a zone were revoked; the keys stand there still. */
    if ((size_t)(r->at - begin) >= 9 && memcmp(begin, ";;REVOKED", 9) == 0)
        return anchor_fault_at(r->line, "the keys of this zone are revoked");
    found = memmem(begin, (size_t)(r->at - begin), state, len);
    if (found != NULL && e->count > 0)
        e->counts = found + len < r->at
                    && (found[len] == STATE_VALID || found[len] == STATE_MISSING)
                    && (found + len + 1 == r->at || !isalnum((unsigned char)found[len + 1]));
    return true;
}

static bool ends_word(char c)
{
    return strchr(" \t\r\n();", c) != NULL;
}

static bool take_word(struct entry_reader *r, struct entry *e)
{
    struct word *word = &e->words[e->count];

    if (e->count == ENTRY_WORDS_MAX)
        return anchor_fault_at(r->line, "this record has no end");
    word->at = r->at;
    while (r->at < r->end && !ends_word(*r->at)) {
        /* Neither has a place in what this file may hold; there would be much to know of both. */
        if (*r->at <= ' ' || *r->at > '~' || *r->at == '"' || *r->at == '\\')
            return anchor_fault_at(r->line, "a character that no DS or DNSKEY record has");
        r->at++;
    }
    word->len = (size_t)(r->at - word->at);
    if (e->count++ == 0)
        e->line = r->line;
    return true;
}

bool entry_take(struct entry_reader *r, struct entry *e)
{
    bool open = false;
    bool at_begin = true;

    *e = (struct entry){.counts = true};
    while (r->at < r->end) {
        char c = *r->at;

        if (c == '\0')
            return anchor_fault_at(r->line, "this is not a text file");
        if (c == ';') {
            if (!take_comment(r, e))
                return false;
            continue;
        }
        if (!ends_word(c)) {
            if (e->count == 0)
                e->has_owner = at_begin;
            if (!take_word(r, e))
                return false;
            continue;
        }
        if ((c == '(' && open) || (c == ')' && !open))
            return anchor_fault_at(r->line, "a parenthesis too many");
        if (c == '(' || c == ')')
            open = c == '(';
        at_begin = c == '\n' && !open;
        r->line += c == '\n';
        r->at++;
        if (at_begin && e->count > 0)
            return true;
    }
    return !open || anchor_fault_at(r->line, "a parenthesis is not closed");
}
