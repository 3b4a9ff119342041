/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "rollover_run.h"

#include "asking.h"
#include "key_file.h"
#include "lookup/ask.h"
#include "tlsa.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

void rollover_forget_keys(struct rollover *r)
{
    EVP_PKEY_free(r->old_key);
    EVP_PKEY_free(r->new_key);
    r->old_key = r->new_key = NULL;
    tlsa_free(&r->facts.old_record);
    tlsa_free(&r->facts.new_record);
}

enum command_status rollover_failed(const struct rollover *r, const char *why)
{
    return command_failed(r->command, "%s", why);
}

enum command_status rollover_make_record(const struct rollover *r, EVP_PKEY *key,
                                         struct dance_wire_record *record)
{
    static const struct tlsa_kind kind = {3, 1, 1};
    const char *why = tlsa_make(&kind, key, NULL, record);

    return why == NULL ? COMMAND_GOOD
                       : command_failed(r->command, "the key has no record: %s", why);
}

enum command_status rollover_load_keys(struct rollover *r)
{
    bool switched = r->files.old_key && !r->files.old_is_key && !r->files.new_key;
    const char *old_path = switched ? r->paths.old_key : r->paths.key;
    const char *new_path = switched ? r->paths.key : r->paths.new_key;
    char why[ROLLOVER_WHY_MAX];
    enum command_status status = COMMAND_GOOD;

    rollover_forget_keys(r);
    r->old_key = key_file_read(old_path, why, sizeof(why));
    if (r->old_key == NULL)
        return rollover_failed(r, why);
    status = rollover_make_record(r, r->old_key, &r->facts.old_record);
    if (status != COMMAND_GOOD || (!r->files.new_key && !switched))
        return status;
    r->new_key = key_file_read(new_path, why, sizeof(why));
    if (r->new_key == NULL && !switched)
        return command_failed(r->command,
                              "%s. If it was cut short when it was made, it was never used: remove "
                              "it and call again",
                              why);
    if (r->new_key == NULL)
        return rollover_failed(r, why);
    if (EVP_PKEY_eq(r->old_key, r->new_key) == 1)
        return command_failed(r->command,
                              "%s and %s are the same key; remove the one that does not belong "
                              "there",
                              old_path, new_path);
    return rollover_make_record(r, r->new_key, &r->facts.new_record);
}

/* The record of the old key as it is published, which may be of another kind than ours. */
static void keep_old_record(struct rollover *r, const struct dance_wire_record *record)
{
    uint8_t *copy = OPENSSL_memdup(record->rdata, record->len);

    if (copy == NULL)
        return;
    tlsa_free(&r->facts.old_record);
    r->facts.old_record = (struct dance_wire_record){copy, record->len};
}

static void take_answer(struct rollover *r, const struct dance_lookup *lookup)
{
    const struct dance_wire_answer *answer = &lookup->answer;

    r->facts.answer_ttl = answer->ttl;
    if (answer->status != DANCE_WIRE_SECURE) {
        (void)snprintf(r->answer, sizeof(r->answer), "%s: %s", asking_status_name(answer->status),
                       lookup->why);
        return;
    }
    (void)snprintf(r->answer, sizeof(r->answer), "secure, %zu record%s", answer->count,
                   answer->count == 1 ? "" : "s");
    if (answer->ttl > r->notes.ttl)
        r->notes.ttl = answer->ttl;
    for (size_t i = 0; i < answer->count; i++) {
        const struct dance_wire_record *record = &answer->record[i];
        bool is_new = r->new_key != NULL && tlsa_fits(record, r->new_key);

        r->visible = r->visible || is_new;
        r->other_visible = r->other_visible || !is_new;
        if (!r->old_visible && tlsa_fits(record, r->old_key)) {
            r->old_visible = true;
            keep_old_record(r, record);
        }
    }
}

enum command_status rollover_look_up(struct rollover *r)
{
    struct dance_lookup *lookup = dance_lookup_new();

    r->visible = r->old_visible = r->other_visible = false;
    r->facts.answer_ttl = 0;
    if (lookup == NULL)
        return rollover_failed(r, "out of memory");
    if (dance_lookup_run(lookup, r->lower, strlen(r->lower), false) == 1)
        take_answer(r, lookup);
    else
        (void)snprintf(r->answer, sizeof(r->answer), "none: %s", lookup->why);
    dance_lookup_free(lookup);
    return COMMAND_GOOD;
}

enum command_status rollover_save_notes(struct rollover *r)
{
    char why[ROLLOVER_WHY_MAX];

    if (!rollover_notes_save(&r->paths, &r->notes_fd, &r->notes, why, sizeof(why)))
        return rollover_failed(r, why);
    r->noted = true;
    return COMMAND_GOOD;
}
