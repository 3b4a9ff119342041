/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "lookup/known.h"

#include "lookup/page.h"
#include "process.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

struct dance_known {
    struct dance_cache *cache;
    struct dance_page *page; /* whether it still counts */
};

/*
 * For the names that one process meets within a TTL. What an attacker can make
 * in any number is kept apart: names that do not exist, and chains, of which one
 * name may bring as many as it likes.
 */
static const struct dance_cache_room room[DANCE_CACHE_KINDS] = {
    [DANCE_CACHE_RECORDS] = {32768, (size_t)24 << 20},
    [DANCE_CACHE_OTHERS] = {8192, (size_t)4 << 20},
    [DANCE_CACHE_CHAINS] = {32768, (size_t)16 << 20},
};

static void discard(void *object)
{
    struct dance_known *known = object;

    dance_cache_free(known->cache);
    dance_page_free(known->page);
    OPENSSL_free(known);
}

static void *make(const void *parents)
{
    struct dance_known *known = OPENSSL_zalloc(sizeof(*known));

    (void)parents;
    if (known == NULL)
        return NULL;
    known->cache = dance_cache_new(room);
    known->page = dance_page_new();
    if (known->cache != NULL && known->page != NULL)
        return known;
    discard(known);
    return NULL;
}

static const struct dance_slot slot = {make, discard};

struct dance_known *dance_known_here(void)
{
    return dance_process_object(&slot);
}

struct dance_page *dance_known_page(struct dance_known *known)
{
    return known->page;
}

struct dance_known_key dance_known_key_of(const char *name, size_t len, const uint8_t *chain,
                                          size_t chain_len)
{
    struct dance_known_key key = {.of_chain = chain != NULL};

    _Static_assert(DANCE_KNOWN_DIGEST == SHA256_DIGEST_LENGTH, "a digest is of another size");
    if (len > DANCE_WIRE_NAME_MAX)
        return key;
    memcpy(key.octets, name, len);
    if (chain == NULL) {
        key.len = len;
    } else if (SHA256(chain, chain_len, (unsigned char *)key.octets + len + 1) != NULL) {
        /* No name has a NUL. */
        key.octets[len] = '\0';
        key.len = len + 1 + DANCE_KNOWN_DIGEST;
    }
    return key;
}

/* It is of the generation that counts now. */
static bool is_current(struct dance_known *known, const struct dance_cached *cached)
{
    uint64_t generation;

    memcpy(&generation, cached->octets + cached->len - DANCE_KNOWN_STAMP, DANCE_KNOWN_STAMP);
    return generation == dance_page_generation(known->page);
}

struct dance_cached *dance_known_find(struct dance_known *known, const struct dance_known_key *key,
                                      const struct dance_moment *now,
                                      struct dance_wire_answer *answer)
{
    struct dance_cached *cached;
    uint32_t ttl = 0;

    if (known == NULL || key->len == 0)
        return NULL;
    cached = dance_cache_find(known->cache, key->octets, key->len, now, &ttl);
    if (cached != NULL
        && (!is_current(known, cached)
            || !dance_wire_decode_answer(cached->octets, cached->len - DANCE_KNOWN_STAMP,
                                         answer))) {
        dance_cached_free(cached);
        cached = NULL;
    }
    if (cached != NULL)
        answer->ttl = ttl;
    return cached;
}

void dance_known_keep(struct dance_known *known, const struct dance_known_key *key,
                      uint8_t *message, size_t len, const struct dance_wire_answer *answer,
                      uint64_t generation, const struct dance_moment *since)
{
    enum dance_cache_kind kind = DANCE_CACHE_OTHERS;

    if (known == NULL || generation == 0 || key->len == 0)
        return;
    if (answer->status == DANCE_WIRE_SECURE)
        kind = key->of_chain ? DANCE_CACHE_CHAINS : DANCE_CACHE_RECORDS;
    memcpy(message + len, &generation, DANCE_KNOWN_STAMP);
    dance_cache_put(known->cache, key->octets, key->len, kind, message, len + DANCE_KNOWN_STAMP,
                    answer->ttl, since);
}
