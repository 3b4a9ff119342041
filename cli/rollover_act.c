/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "rollover_run.h"

#include "key_file.h"
#include "now.h"
#include "update.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NAP_SECONDS 10 /* the longest time between two looks */

/* Tell of a step, once; in JSON only the one at which the call ends is told. */
static void say(struct rollover *r, enum rollover_step step)
{
    r->facts.ttl = r->notes.ttl;
    if (!r->json && (!r->told_any || r->told != step))
        rollover_say_text(step, &r->facts);
    r->told = step;
    r->told_any = true;
}

/* The call ends at this step. */
static enum command_status stop(struct rollover *r, enum rollover_step step, bool done)
{
    r->facts.done = done;
    r->facts.ttl = r->notes.ttl;
    if (r->json)
        rollover_say_json(step, false, &r->facts);
    return done ? COMMAND_GOOD : COMMAND_FAULT;
}

/* Sleep for a while, as far as --wait reaches; false: it does not. */
static bool nap(const struct rollover *r, int64_t seconds, int64_t at_least)
{
    long long left = r->end - dance_now_ms();
    long long ms = (seconds < NAP_SECONDS ? seconds : NAP_SECONDS) * 1000;
    struct timespec time;

    if (left <= 0 || left < at_least * 1000)
        return false;
    ms = ms < 1000 ? 1000 : ms;
    ms = ms < left ? ms : left;
    time = (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&time, NULL);
    return true;
}

/* Have the server add or remove a record. */
static enum command_status send(const struct rollover *r, char *text, const char *what)
{
    char why[256] = "out of memory";
    bool sent = text != NULL && update_send(text, r->tsig, why, sizeof(why));

    OPENSSL_free(text);
    return sent
               ? COMMAND_GOOD
               : command_failed(r->command, "%s: %s. Call again when that is put right", what, why);
}

static enum command_status make(struct rollover *r)
{
    uint32_t ttl = r->notes.ttl;
    struct stat model;
    char why[ROLLOVER_WHY_MAX];
    enum command_status status;

    r->notes = (struct rollover_notes){.ttl = ttl};
    memcpy(r->notes.name, r->lower, sizeof(r->lower));
    /* For the TTL of what is there before anything is published. */
    status = rollover_look_up(r);
    if (status != COMMAND_GOOD)
        return status;
    r->new_key = key_like(r->old_key);
    if (r->new_key == NULL)
        return rollover_failed(r, "OpenSSL makes no key of this kind here");
    status = rollover_make_record(r, r->new_key, &r->facts.new_record);
    if (status == COMMAND_GOOD)
        status = rollover_save_notes(r);
    if (status != COMMAND_GOOD)
        return status;
    if (stat(r->paths.key, &model) != 0)
        return command_failed(r->command, "%s: %s", r->paths.key, strerror(errno));
    if (!key_file_write(r->paths.new_key, r->new_key, &model, why, sizeof(why)))
        return rollover_failed(r, why);
    say(r, ROLLOVER_MAKE);
    return COMMAND_GOOD;
}

static enum command_status publish(struct rollover *r, bool *ended)
{
    enum command_status status;

    if (r->server != NULL && !r->facts.published) {
        status = send(r, update_text(r->server, r->name, r->notes.ttl, &r->facts.new_record),
                      "the new record is not published");
        r->facts.published = status == COMMAND_GOOD;
        return status;
    }
    if (nap(r, r->facts.answer_ttl, 0))
        return COMMAND_GOOD;
    *ended = true;
    say(r, ROLLOVER_PUBLISH);
    return stop(r, ROLLOVER_PUBLISH, false);
}

/* Until facts.until, if --wait reaches so far. */
static enum command_status hold(struct rollover *r, enum rollover_step step, bool *ended)
{
    int64_t left = r->facts.until - (int64_t)time(NULL);

    say(r, step);
    if (nap(r, left, left))
        return COMMAND_GOOD;
    *ended = true;
    return stop(r, step, false);
}

static enum command_status switch_keys(struct rollover *r)
{
    char why[ROLLOVER_WHY_MAX];

    if (r->facts.certificate && !r->cert_ready)
        return command_failed(r->command,
                              "not switched: the client has a certificate, which must be issued "
                              "for the new key. Have one issued for %s, put it in its place, and "
                              "call again with --cert-ready",
                              r->paths.new_key);
    if (!rollover_switch(&r->paths, why, sizeof(why)))
        return rollover_failed(r, why);
    say(r, ROLLOVER_SWITCH);
    return COMMAND_GOOD;
}

static enum command_status finish(struct rollover *r)
{
    char why[ROLLOVER_WHY_MAX];

    if (!rollover_tidy(&r->paths, why, sizeof(why)))
        return rollover_failed(r, why);
    r->facts.done = true;
    if (r->json)
        rollover_say_json(ROLLOVER_REMOVE, true, &r->facts);
    else
        (void)printf("# Finished: the old record and %s are gone.\n", r->paths.old_key);
    return COMMAND_GOOD;
}

/* The old record goes, and only after it the old key: with that everything can be taken back. */
static enum command_status take_away(struct rollover *r, bool *ended)
{
    enum command_status status = rollover_look_up(r);

    if (status != COMMAND_GOOD)
        return status;
    if (!r->visible)
        return command_failed(r->command,
                              "the old record and the old key stay: the resolver does not show the "
                              "new record (its answer: %s). See that it does, and call again",
                              r->answer);
    if (r->server != NULL) {
        status = send(r, update_removal(r->server, r->name, &r->facts.old_record),
                      "the old record is not removed");
        if (status != COMMAND_GOOD)
            return status;
    } else if (r->old_visible) {
        say(r, ROLLOVER_REMOVE);
        if (nap(r, r->facts.answer_ttl, 0))
            return COMMAND_GOOD;
        *ended = true;
        return stop(r, ROLLOVER_REMOVE, false);
    }
    *ended = true;
    return finish(r);
}

static enum command_status begin_or_end(struct rollover *r, bool *ended)
{
    if (!r->finish)
        return make(r);
    *ended = true;
    /* A call that was cut short when it had removed FILE.old. */
    if (r->noted && r->notes.switched != 0)
        return finish(r);
    return command_failed(r->command, "no rollover of %s is under way; one begins without --finish",
                          r->paths.key);
}

static enum command_status confused(const struct rollover *r, enum rollover_step step)
{
    const struct rollover_paths *paths = &r->paths;
    const struct command *command = r->command;

    if (step == ROLLOVER_TWO_KEYS)
        return command_failed(command,
                              "%s and %s are of two rollovers; move away the one whose key nobody "
                              "uses and no record names",
                              paths->new_key, paths->old_key);
    if (step == ROLLOVER_LOST_NEW)
        return command_failed(command,
                              "%s is the key in use, and %s is gone: there is nothing to switch "
                              "to. Put that back, or remove %s and %s and begin again",
                              paths->old_key, paths->new_key, paths->old_key, paths->notes);
    return command_failed(command,
                          "%s is not of a rollover that is under way (there is no %s); move it "
                          "away",
                          step == ROLLOVER_UNKNOWN_NEW ? paths->new_key : paths->old_key,
                          paths->notes);
}

/* One step. *ended: the call ends with it, whatever became of it. */
static enum command_status act(struct rollover *r, enum rollover_step step, bool *ended)
{
    switch (step) {
    case ROLLOVER_MAKE:
        return begin_or_end(r, ended);
    case ROLLOVER_PUBLISH:
        return publish(r, ended);
    case ROLLOVER_HOLD:
        return hold(r, step, ended);
    case ROLLOVER_SWITCH:
        return switch_keys(r);
    case ROLLOVER_KEEP:
    case ROLLOVER_REMOVE:
        if (r->finish)
            return step == ROLLOVER_KEEP ? hold(r, step, ended) : take_away(r, ended);
        *ended = true;
        say(r, step);
        return stop(r, step, true);
    case ROLLOVER_TWO_KEYS:
    case ROLLOVER_LOST_NEW:
    case ROLLOVER_UNKNOWN_NEW:
    case ROLLOVER_UNKNOWN_OLD:
        break;
    }
    return confused(r, step);
}

/* What is there, what comes next, and that; the notes are on the disk before it is done. */
enum command_status rollover_go_on(struct rollover *r, bool *ended)
{
    struct rollover_notes before = r->notes;
    char why[ROLLOVER_WHY_MAX];
    enum rollover_step step;
    enum command_status status;

    if (!rollover_look(&r->paths, &r->files, why, sizeof(why)))
        return rollover_failed(r, why);
    status = rollover_load_keys(r);
    if (status == COMMAND_GOOD && r->files.new_key)
        status = rollover_look_up(r);
    if (status != COMMAND_GOOD)
        return status;
    step = rollover_next(&r->files, r->noted ? &r->notes : NULL, r->visible, (int64_t)time(NULL),
                         &r->facts.until);
    r->facts.old_lost = r->files.new_key && r->visible && !r->other_visible;
    if (r->noted
        && (before.seen != r->notes.seen || before.switched != r->notes.switched
            || before.ttl != r->notes.ttl))
        status = rollover_save_notes(r);
    return status == COMMAND_GOOD ? act(r, step, ended) : status;
}
