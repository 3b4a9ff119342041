/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "worker/lookups/kept.h"

/* Seconds for which a name that was found counts as known. */
#define KNOWN_TTL 86400
/* Octets, beside its name, of an entry that says nothing but that. */
#define KNOWN_SIZE 512

/* For a fleet of 100,000 names and more; what does not exist is kept apart and given less. */
static const struct dance_cache_room answers_room[DANCE_CACHE_KINDS] = {
    [DANCE_CACHE_RECORDS] = {262144, (size_t)96 << 20},
    [DANCE_CACHE_OTHERS] = {32768, (size_t)16 << 20},
};
static const struct dance_cache_room known_room[DANCE_CACHE_KINDS] = {
    [DANCE_CACHE_RECORDS] = {65536, (size_t)65536 * KNOWN_SIZE}};

static struct dance_cache *answers; /* NULL: nothing is kept */
static struct dance_cache *known;   /* likewise */

void kept_open(void)
{
    answers = dance_cache_new(answers_room);
    known = dance_cache_new(known_room);
}

void kept_close(void)
{
    dance_cache_free(answers);
    dance_cache_free(known);
    answers = known = NULL;
}

static bool has(struct dance_cache *cache, const char *name, size_t len,
                const struct dance_moment *now)
{
    uint32_t ttl = 0;
    struct dance_cached *found = dance_cache_find(cache, name, len, now, &ttl);

    dance_cached_free(found);
    return found != NULL;
}

/* The DNS said that there are records, or that there are none. */
static bool is_said(enum dance_wire_status status)
{
    return status == DANCE_WIRE_SECURE || status == DANCE_WIRE_ABSENT
           || status == DANCE_WIRE_INSECURE;
}

void kept_put(const char *name, size_t len, const struct dance_wire_answer *answer)
{
    static uint8_t message[DANCE_WIRE_MAX];
    struct dance_moment now = dance_moment_now();
    struct dance_wire_answer anonymous = *answer;
    size_t message_len;

    if (answers == NULL || known == NULL
        || (!is_said(answer->status) && has(answers, name, len, &now)))
        return;
    if (answer->status == DANCE_WIRE_SECURE)
        dance_cache_put(known, name, len, DANCE_CACHE_RECORDS, NULL, 0, KNOWN_TTL, &now);
    anonymous.id = 0;
    message_len = dance_wire_encode_answer(&anonymous, message, sizeof(message));
    dance_cache_put(answers, name, len,
                    answer->status == DANCE_WIRE_SECURE ? DANCE_CACHE_RECORDS : DANCE_CACHE_OTHERS,
                    message, message_len, message_len > 0 ? answer->ttl : 0, &now);
}

struct dance_cached *kept_find(const char *name, size_t len, struct dance_wire_answer *answer)
{
    struct dance_moment now = dance_moment_now();
    struct dance_cached *found = NULL;
    uint32_t ttl = 0;

    if (answers != NULL)
        found = dance_cache_find(answers, name, len, &now, &ttl);
    if (found == NULL)
        return NULL;
    if (!dance_wire_decode_answer(found->octets, found->len, answer)) {
        dance_cached_free(found);
        return NULL;
    }
    answer->ttl = ttl;
    return found;
}

bool kept_known(const char *name, size_t len)
{
    struct dance_moment now = dance_moment_now();

    return known != NULL && has(known, name, len, &now);
}

unsigned long kept_names(void)
{
    return answers != NULL ? dance_cache_used(answers).entries : 0;
}
