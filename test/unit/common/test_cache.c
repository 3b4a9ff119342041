/* What is kept of the DNS's answers. Copyright the dance authors. SPDX-License-Identifier:
 * Apache-2.0 */
#include "cache.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
static const struct dance_cache_room large[DANCE_CACHE_KINDS] = {{65536, 16 * MIB},
                                                                 {65536, 16 * MIB}};
static const struct dance_moment start = {1000000, 1700000000000LL};

static struct dance_moment later(long long boot, long long calendar)
{
    struct dance_moment moment = {start.boot + boot, start.calendar + calendar};

    return moment;
}

static void put(struct dance_cache *cache, const char *name, const char *text, uint32_t ttl)
{
    dance_cache_put(cache, name, strlen(name), DANCE_CACHE_RECORDS, text, strlen(text), ttl,
                    &start);
}

/* The text that is kept, or "" */
static const char *find(struct dance_cache *cache, const char *name, struct dance_moment now,
                        uint32_t *ttl)
{
    static char text[256];
    struct dance_cached *cached = dance_cache_find(cache, name, strlen(name), &now, ttl);

    *text = '\0';
    if (cached != NULL)
        (void)snprintf(text, sizeof(text), "%.*s", (int)cached->len, (char *)cached->octets);
    dance_cached_free(cached);
    return text;
}

Test(cache, finds_what_was_put)
{
    struct dance_cache *cache = dance_cache_new(large);
    uint32_t ttl = 0;

    cr_assert_not_null(cache);
    put(cache, "a.example.com", "one", 60);
    put(cache, "b.example.com", "two", 3600);
    put(cache, "", "empty", 60);
    cr_expect_str_eq(find(cache, "a.example.com", start, &ttl), "one");
    cr_expect_eq(ttl, 60);
    cr_expect_str_eq(find(cache, "b.example.com", start, &ttl), "two");
    cr_expect_eq(ttl, 3600);
    cr_expect_str_eq(find(cache, "", start, &ttl), "empty");
    cr_expect_str_eq(find(cache, "a.example.co", start, &ttl), "");
    cr_expect_str_eq(find(cache, "a.example.com.", start, &ttl), "");
    put(cache, "a.example.com", "three", 30);
    cr_expect_str_eq(find(cache, "a.example.com", start, &ttl), "three");
    cr_expect_eq(ttl, 30);
    cr_expect_eq(dance_cache_used(cache).entries, 3);
    dance_cache_free(cache);
}

Test(cache, ends_with_the_ttl_on_either_clock)
{
    struct dance_cache *cache = dance_cache_new(large);
    uint32_t ttl = 0;

    put(cache, "a", "text", 10);
    cr_expect_str_eq(find(cache, "a", later(2500, 2500), &ttl), "text");
    cr_expect_eq(ttl, 7, "never more than what is left, got %u", ttl);
    cr_expect_str_eq(find(cache, "a", later(2500, 5100), &ttl), "text");
    cr_expect_eq(ttl, 4);
    cr_expect_str_eq(find(cache, "a", later(9000, -500000), &ttl), "text",
                     "the calendar was set back");
    cr_expect_eq(ttl, 1);
    /* Less than a second is nothing. */
    cr_expect_str_eq(find(cache, "a", later(9001, 9001), &ttl), "");
    cr_expect_eq(dance_cache_used(cache).entries, 0, "what is over is not kept");
    put(cache, "a", "text", 10);
    cr_expect_str_eq(find(cache, "a", later(100, 3600000), &ttl), "", "a snapshot woke up");
    put(cache, "a", "text", 10);
    cr_expect_str_eq(find(cache, "a", later(3600000, 100), &ttl), "", "the machine was suspended");
    put(cache, "a", "text", 0xffffffffU);
    cr_expect_str_eq(find(cache, "a", later(5000, 5000), &ttl), "text");
    cr_expect_eq(ttl, 0xffffffffU - 5);
    dance_cache_free(cache);
}

Test(cache, ttl_0_is_never_kept)
{
    struct dance_cache *cache = dance_cache_new(large);
    uint32_t ttl = 0;

    put(cache, "a", "text", 0);
    cr_expect_str_eq(find(cache, "a", start, &ttl), "");
    put(cache, "a", "text", 10);
    put(cache, "a", "newer", 0);
    cr_expect_str_eq(find(cache, "a", start, &ttl), "",
                     "and what it replaces is not true any more");
    cr_expect_eq(dance_cache_used(cache).octets, 0);
    dance_cache_free(cache);
}

Test(cache, is_bounded_and_keeps_what_is_used)
{
    static const struct dance_cache_room room[DANCE_CACHE_KINDS] = {{1600, 16 * MIB},
                                                                    {160, 16 * MIB}};
    struct dance_cache *cache = dance_cache_new(room);
    char name[32];
    uint32_t ttl = 0;
    int kept = 0;

    put(cache, "popular", "text", 100);
    for (int i = 0; i < 20000; i++) {
        (void)snprintf(name, sizeof(name), "n%d.example.com", i);
        put(cache, name, "text", 100);
        cr_assert_str_eq(find(cache, "popular", start, &ttl), "text");
    }
    for (int i = 0; i < 20000; i++) {
        (void)snprintf(name, sizeof(name), "n%d.example.com", i);
        kept += *find(cache, name, start, &ttl) != '\0';
    }
    cr_expect_eq(dance_cache_used(cache).entries, 1600);
    cr_expect_eq(kept, 1599);
    cr_expect_str_eq(find(cache, "n19999.example.com", start, &ttl), "text");
    cr_expect_str_eq(find(cache, "n0.example.com", start, &ttl), "");
    /* Denials in any number cost no record its place. */
    for (int i = 0; i < 20000; i++) {
        (void)snprintf(name, sizeof(name), "d%d.example.com", i);
        dance_cache_put(cache, name, strlen(name), DANCE_CACHE_OTHERS, "no", 2, 100, &start);
    }
    cr_expect_eq(dance_cache_used(cache).entries, 1760);
    cr_expect_str_eq(find(cache, "popular", start, &ttl), "text");
    /* A name that changes its kind is kept once. */
    dance_cache_put(cache, "popular", 7, DANCE_CACHE_OTHERS, "no", 2, 100, &start);
    cr_expect_str_eq(find(cache, "popular", start, &ttl), "no");
    cr_expect_eq(dance_cache_used(cache).entries, 1759);
    dance_cache_free(cache);
}

Test(cache, is_bounded_in_octets)
{
    static const struct dance_cache_room room[DANCE_CACHE_KINDS] = {{65536, 16 * MIB}, {0, 0}};
    struct dance_cache *cache = dance_cache_new(room);
    static char octets[2 * MIB];
    char name[32];
    uint32_t ttl;

    for (int i = 0; i < 2000; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        dance_cache_put(cache, name, strlen(name), DANCE_CACHE_RECORDS, octets, 60000, 100, &start);
        cr_assert_leq(dance_cache_used(cache).octets, 16 * MIB);
    }
    cr_expect_gt(dance_cache_used(cache).octets, 14 * MIB);
    cr_expect_str_neq(find(cache, "n1999", start, &ttl), "!");
    /* What does not fit at all costs nobody a place, but what it replaces is over. */
    dance_cache_put(cache, "n1999", 5, DANCE_CACHE_RECORDS, octets, sizeof(octets), 100, &start);
    cr_expect_null(dance_cache_find(cache, "n1999", 5, &start, &ttl));
    cr_expect_gt(dance_cache_used(cache).octets, 14 * MIB);
    dance_cache_put(cache, "x", 1, DANCE_CACHE_OTHERS, "no", 2, 100, &start);
    cr_expect_null(dance_cache_find(cache, "x", 1, &start, &ttl), "no room for this kind");
    dance_cache_free(cache);
}

Test(cache, an_entry_in_use_outlives_the_cache)
{
    struct dance_cache *cache = dance_cache_new(large);
    struct dance_cached *held;
    uint32_t ttl;

    put(cache, "a", "text", 100);
    held = dance_cache_find(cache, "a", 1, &start, &ttl);
    put(cache, "a", "newer", 100);
    cr_expect_str_eq(find(cache, "a", start, &ttl), "newer");
    dance_cache_free(cache);
    cr_expect_eq(held->len, 4);
    cr_expect_eq(memcmp(held->octets, "text", 4), 0);
    dance_cached_free(held);
    dance_cached_free(NULL);
}

Test(cache, two_caches_hash_differently)
{
    /* Names that fall into one part of the first cache are spread over the parts of another. */
    static const struct dance_cache_room tiny[DANCE_CACHE_KINDS] = {{16, MIB}, {16, MIB}};
    struct dance_cache *one = dance_cache_new(tiny);
    struct dance_cache *two = dance_cache_new(tiny);
    char name[16];
    char together[64][16];
    int count = 0;

    put(one, "probe", "x", 100);
    for (int i = 0; count < 64; i++) {
        uint32_t ttl;

        (void)snprintf(name, sizeof(name), "n%d", i);
        put(one, name, "x", 100);
        /* One entry a part: it fell into the probe's. */
        if (*find(one, "probe", start, &ttl) == '\0') {
            memcpy(together[count++], name, sizeof(name));
            put(one, "probe", "x", 100);
        }
    }
    for (int i = 0; i < count; i++)
        put(two, together[i], "x", 100);
    cr_expect_gt(dance_cache_used(two).entries, 8);
    dance_cache_free(one);
    dance_cache_free(two);
}

struct work {
    struct dance_cache *cache;
    int number;
    int wrong;
};

static void *work(void *arg)
{
    struct work *w = arg;
    char name[32];
    char text[32];

    for (int i = 0; i < 50000; i++) {
        int n = (i * 7919 + w->number) % 500;
        uint32_t ttl;
        struct dance_cached *cached;

        (void)snprintf(name, sizeof(name), "n%d.example.com", n);
        (void)snprintf(text, sizeof(text), "text of n%d", n);
        cached = dance_cache_find(w->cache, name, strlen(name), &start, &ttl);
        if (cached == NULL)
            put(w->cache, name, text, 100);
        else if (cached->len != strlen(text) || memcmp(cached->octets, text, cached->len) != 0)
            w->wrong++;
        dance_cached_free(cached);
    }
    return NULL;
}

Test(cache, threads)
{
    static const struct dance_cache_room room[DANCE_CACHE_KINDS] = {{320, MIB}, {320, MIB}};
    struct dance_cache *cache = dance_cache_new(room);
    struct work job[8];
    pthread_t thread[8];

    for (int i = 0; i < 8; i++) {
        job[i] = (struct work){cache, i, 0};
        cr_assert_eq(pthread_create(&thread[i], NULL, work, &job[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        (void)pthread_join(thread[i], NULL);
        cr_expect_eq(job[i].wrong, 0);
    }
    cr_expect_leq(dance_cache_used(cache).entries, 320);
    dance_cache_free(cache);
}
