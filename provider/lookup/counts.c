/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "lookup/counts.h"

#include "log.h"
#include "lookup/channel.h"
#include "now.h"
#include "process.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdbool.h>

#define INTERVAL_MS 1000

/* Of one process. */
struct counts {
    _Atomic uint32_t of[DANCE_OUTCOMES][DANCE_COUNTED_REASONS];
    _Atomic long long told_ms; /* 0: never */
};

/* Something may have been counted that was not told, here or in the process that forked this one.
 */
static atomic_bool untold;

static void *make(const void *parents)
{
    (void)parents;
    return OPENSSL_zalloc(sizeof(struct counts));
}

static void discard(void *object)
{
    OPENSSL_free(object);
}

static const struct dance_slot slot = {make, discard};

static void add(struct counts *counts, unsigned outcome, unsigned place, uint32_t times)
{
    uint32_t before = atomic_load_explicit(&counts->of[outcome][place], memory_order_relaxed);
    uint32_t after;

    do
        after = before > UINT32_MAX - times ? UINT32_MAX : before + times;
    while (!atomic_compare_exchange_weak_explicit(&counts->of[outcome][place], &before, after,
                                                  memory_order_relaxed, memory_order_relaxed));
}

/* What fits into a message, which is counted here no longer; true: there is more. */
static bool take(struct counts *counts, struct dance_wire_counts *out)
{
    out->count = 0;
    for (unsigned o = 0; o < DANCE_OUTCOMES; o++) {
        for (unsigned r = 0; r < DANCE_COUNTED_REASONS; r++) {
            uint32_t times;

            if (atomic_load_explicit(&counts->of[o][r], memory_order_relaxed) == 0)
                continue;
            if (out->count == DANCE_WIRE_COUNTS_MAX)
                return true;
            times = atomic_exchange_explicit(&counts->of[o][r], 0, memory_order_relaxed);
            if (times > 0)
                out->of[out->count++] = (struct dance_wire_count){(uint8_t)o, (uint8_t)r, times};
        }
    }
    return false;
}

/* One message. false: there is nothing more to be told now. */
static bool tell(struct counts *counts)
{
    uint8_t message[DANCE_WIRE_COUNTS_SIZE];
    struct dance_wire_counts taken;
    bool more;
    size_t len;

    atomic_store(&untold, false);
    more = take(counts, &taken);
    len = dance_wire_encode_counts(&taken, message, sizeof(message));
    if (len == 0)
        return false;
    if (dance_channel_tell(message, len))
        return more;
    for (size_t i = 0; i < taken.count; i++)
        add(counts, taken.of[i].outcome, taken.of[i].reason, taken.of[i].times);
    atomic_store(&untold, true);
    return false;
}

void dance_counts_tell(void)
{
    struct counts *counts;

    if (!atomic_load(&untold) || (counts = dance_process_object(&slot)) == NULL)
        return;
    while (tell(counts))
        continue;
}

void dance_count(enum dance_outcome outcome, unsigned place)
{
    struct counts *counts = dance_process_object(&slot);
    long long now = dance_now_ms();
    long long told_ms;
    unsigned lost;

    if (counts == NULL || !dance_count_is_one(outcome, place))
        return;
    add(counts, outcome, place, 1);
    lost = dance_log_take_lost();
    if (lost > 0)
        add(counts, DANCE_LINE_LOST, 0, lost);
    atomic_store(&untold, true);
    told_ms = atomic_load(&counts->told_ms);
    if ((told_ms == 0 || now - told_ms >= INTERVAL_MS)
        && atomic_compare_exchange_strong(&counts->told_ms, &told_ms, now))
        dance_counts_tell();
}

__attribute__((destructor)) static void at_end(void)
{
    dance_counts_tell();
}
