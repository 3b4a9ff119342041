/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "rollover_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE "# dance rollover; see dance(1)\n"
#define LAST_LINE "end\n"

void rollover_notes_write(char out[ROLLOVER_NOTES_SIZE], const struct rollover_notes *notes)
{
    int len = snprintf(out, ROLLOVER_NOTES_SIZE,
                       FIRST_LINE "name %s\nttl %" PRIu32 "\nseen %" PRId64 "\nswitched %" PRId64
                                  "\n" LAST_LINE,
                       notes->name, notes->ttl, notes->seen, notes->switched);

    memset(out + len, '\n', ROLLOVER_NOTES_SIZE - (size_t)len);
}

/* Behind the line at *at that begins with word and a blank: what follows, ended there. */
static char *take_line(char **at, const char *word)
{
    size_t len = strlen(word);
    char *value = *at + len + 1;
    char *end = strchr(*at, '\n');

    if (strncmp(*at, word, len) != 0 || (*at)[len] != ' ' || end == NULL)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return value;
}

static bool take_number(char **at, const char *word, int64_t high, int64_t *out)
{
    const char *text = take_line(at, word);
    size_t len = text != NULL ? strlen(text) : 0;

    if (len == 0 || len > 18 || strspn(text, "0123456789") != len)
        return false;
    *out = strtoll(text, NULL, 10);
    return *out <= high;
}

bool rollover_notes_read(struct rollover_notes *notes, const char *data, size_t len)
{
    char text[ROLLOVER_NOTES_SIZE + 1];
    char *at = text + strlen(FIRST_LINE);
    const char *name;
    int64_t ttl;

    *notes = (struct rollover_notes){.ttl = 0};
    if (len != ROLLOVER_NOTES_SIZE || memchr(data, '\0', len) != NULL)
        return false;
    memcpy(text, data, len);
    text[len] = '\0';
    if (strncmp(text, FIRST_LINE, strlen(FIRST_LINE)) != 0)
        return false;
    name = take_line(&at, "name");
    if (name == NULL || dance_owner_name_fault(name, strlen(name)) != NULL
        || !take_number(&at, "ttl", UINT32_MAX, &ttl)
        || !take_number(&at, "seen", INT64_MAX, &notes->seen)
        || !take_number(&at, "switched", INT64_MAX, &notes->switched)
        || strncmp(at, LAST_LINE, strlen(LAST_LINE)) != 0)
        return false;
    notes->ttl = (uint32_t)ttl;
    memcpy(notes->name, name, strlen(name) + 1);
    return true;
}

/* How long after a moment nobody believes any more what was true before it. */
static int64_t over(const struct rollover_notes *notes, int64_t moment)
{
    return moment + (int64_t)notes->ttl + ROLLOVER_MARGIN;
}

static bool wait_until(const struct rollover_notes *notes, int64_t *moment, int64_t now,
                       int64_t *until)
{
    if (*moment == 0 || *moment > now)
        *moment = now;
    *until = over(notes, *moment);
    if (*until > now)
        return true;
    *until = 0;
    return false;
}

enum rollover_step rollover_next(const struct rollover_files *files, struct rollover_notes *notes,
                                 bool visible, int64_t now, int64_t *until)
{
    *until = 0;
    if (files->new_key && files->old_key && !files->old_is_key)
        return ROLLOVER_TWO_KEYS;
    if (!files->new_key && files->old_key && files->old_is_key)
        return ROLLOVER_LOST_NEW;
    if (!files->new_key && !files->old_key)
        return ROLLOVER_MAKE;
    if (notes == NULL)
        return files->new_key ? ROLLOVER_UNKNOWN_NEW : ROLLOVER_UNKNOWN_OLD;
    if (!files->new_key)
        return wait_until(notes, &notes->switched, now, until) ? ROLLOVER_KEEP : ROLLOVER_REMOVE;
    if (!visible) {
        notes->seen = 0;
        return ROLLOVER_PUBLISH;
    }
    return wait_until(notes, &notes->seen, now, until) ? ROLLOVER_HOLD : ROLLOVER_SWITCH;
}
