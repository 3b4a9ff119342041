/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "rollover_say.h"

#include "json.h"
#include "update.h"
#include "zone_text.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <time.h>

#define CLOCK_MAX 40

/* A moment as the operator's clock shows it. */
static const char *clock_text(char out[CLOCK_MAX], int64_t moment)
{
    time_t when = (time_t)moment;
    struct tm local;

    if (localtime_r(&when, &local) == NULL
        || strftime(out, CLOCK_MAX, "%Y-%m-%d %H:%M:%S %z", &local) == 0)
        (void)snprintf(out, CLOCK_MAX, "@%lld", (long long)moment);
    return out;
}

static void print(const char *before, char *text, const char *after)
{
    (void)printf("%s%s%s", before, text != NULL ? text : "# out of memory\n", after);
    OPENSSL_free(text);
}

static void say_made(const struct rollover_facts *facts)
{
    (void)printf("# The new key, which nobody uses yet:\n# %s\n\n", facts->paths->new_key);
    if (facts->certificate)
        (void)printf("# The client has a certificate: have one issued for the new key.\n\n");
    (void)printf("# Both records must stand side by side, the old one and the new one:\n");
    print("", zone_text(facts->name, facts->ttl, &facts->old_record), "\n");
    print("", zone_text(facts->name, facts->ttl, &facts->new_record), "\n\n");
    if (facts->server == NULL)
        print("# The new one as input of nsupdate:\n",
              update_text(NULL, facts->name, facts->ttl, &facts->new_record), "\n");
}

static void say_not_seen(const struct rollover_facts *facts)
{
    (void)printf("# Not yet: the resolver does not show the new record.\n# Its answer: %s\n",
                 facts->answer);
    if (facts->answer_ttl > 0)
        (void)printf("# It may stay so for %lu s, unless 'dance flush' makes it look again.\n",
                     (unsigned long)facts->answer_ttl);
    (void)printf("# %s\n", facts->published ? "The record is published: call again then."
                                            : "Publish it beside the old one, and call again:");
    if (!facts->published)
        print("", zone_text(facts->name, facts->ttl, &facts->new_record), "\n");
}

static void say_removal(const struct rollover_facts *facts)
{
    print("", zone_text(facts->name, facts->ttl, &facts->old_record), "\n");
    print("# As input of nsupdate:\n",
          update_removal(facts->server, facts->name, &facts->old_record), "");
    (void)printf("# Then 'dance rollover %s --key FILE --finish' removes %s%s\n", facts->name,
                 facts->paths->old_key,
                 facts->server != NULL ? ", and with --update the record as well" : "");
}

void rollover_say_text(enum rollover_step step, const struct rollover_facts *facts)
{
    char clock[CLOCK_MAX];

    if (facts->old_lost && step == ROLLOVER_HOLD)
        (void)printf("# Publish the old record again: it is gone, and the key in use needs it.\n");
    if (step == ROLLOVER_MAKE) {
        say_made(facts);
    } else if (step == ROLLOVER_PUBLISH) {
        say_not_seen(facts);
    } else if (step == ROLLOVER_HOLD) {
        (void)printf("# The new record is seen. Servers may know what was there before until "
                     "%s:\n# the new key waits until then.\n",
                     clock_text(clock, facts->until));
    } else if (step == ROLLOVER_SWITCH) {
        (void)printf("# Switched: %s is the new key, and the old one is %s.\n"
                     "# Applications with dance read it at their next connection.\n",
                     facts->paths->key, facts->paths->old_key);
    } else if (step == ROLLOVER_KEEP) {
        (void)printf("# The old record is needed until %s; it may go then:\n",
                     clock_text(clock, facts->until));
        say_removal(facts);
    } else {
        (void)printf("# The old record is not needed any more:\n");
        say_removal(facts);
    }
    (void)fflush(stdout);
}

static const char *step_name(enum rollover_step step)
{
    static const char *const names[] = {
        [ROLLOVER_MAKE] = "make",     [ROLLOVER_PUBLISH] = "publish", [ROLLOVER_HOLD] = "hold",
        [ROLLOVER_SWITCH] = "switch", [ROLLOVER_KEEP] = "keep",       [ROLLOVER_REMOVE] = "remove"};

    return names[step];
}

void rollover_say_json(enum rollover_step step, bool finished, const struct rollover_facts *facts)
{
    struct json json = {.out = stdout};
    bool has_new = facts->new_record.rdata != NULL;
    char *add = has_new ? update_text(NULL, facts->name, facts->ttl, &facts->new_record) : NULL;
    char *removal = update_removal(NULL, facts->name, &facts->old_record);

    json_object(&json, NULL);
    json_string(&json, "name", facts->name);
    json_string(&json, "key", facts->paths->key);
    json_string(&json, "step", finished ? "finished" : step_name(step));
    json_bool(&json, "done", facts->done);
    json_number(&json, "ttl", facts->ttl);
    json_number(&json, "until", (unsigned long long)facts->until);
    json_bool(&json, "published", facts->published);
    json_bool(&json, "old_record_lost", facts->old_lost);
    json_string(&json, "answer", facts->answer);
    zone_text_json(&json, "old_record", facts->name, facts->ttl, &facts->old_record);
    if (has_new)
        zone_text_json(&json, "new_record", facts->name, facts->ttl, &facts->new_record);
    json_string(&json, "nsupdate", add);
    json_string(&json, "nsupdate_removal", removal);
    json_object_end(&json);
    json_end(&json);
    OPENSSL_free(add);
    OPENSSL_free(removal);
}
