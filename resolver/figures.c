/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "figures.h"

#include <stdatomic.h>
#include <sys/mman.h>

struct figures {
    _Atomic uint64_t figure[DANCE_FIGURES];
    _Atomic uint64_t clients[DANCE_OUTCOMES][DANCE_COUNTED_REASONS];
    _Atomic uint8_t state;
    _Atomic char fault[DANCE_WIRE_REASON_MAX + 1];
};

struct figures *figures_make(void)
{
    void *memory = mmap(NULL, sizeof(struct figures), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory != MAP_FAILED ? memory : NULL;
}

void figures_free(struct figures *figures)
{
    if (figures != NULL)
        (void)munmap(figures, sizeof(*figures));
}

void figures_add(struct figures *figures, enum dance_figure figure, uint64_t more)
{
    (void)atomic_fetch_add_explicit(&figures->figure[figure], more, memory_order_relaxed);
}

void figures_set(struct figures *figures, enum dance_figure figure, uint64_t value)
{
    atomic_store_explicit(&figures->figure[figure], value, memory_order_relaxed);
}

void figures_count(struct figures *figures, const struct dance_wire_counts *counts)
{
    for (size_t i = 0; i < counts->count; i++)
        (void)atomic_fetch_add_explicit(
            &figures->clients[counts->of[i].outcome][counts->of[i].reason], counts->of[i].times,
            memory_order_relaxed);
}

void figures_state(struct figures *figures, enum dance_worker_state state, const char *fault)
{
    size_t len = fault != NULL ? strnlen(fault, DANCE_WIRE_REASON_MAX) : 0;

    for (size_t i = 0; i < len; i++)
        atomic_store_explicit(&figures->fault[i], fault[i], memory_order_relaxed);
    atomic_store_explicit(&figures->fault[len], '\0', memory_order_relaxed);
    atomic_store(&figures->state, (uint8_t)state);
}

void figures_end(struct figures *figures)
{
    for (int i = DANCE_FIGURE_LEVELS; i < DANCE_FIGURES; i++)
        figures_set(figures, (enum dance_figure)i, 0);
    figures_state(figures, DANCE_WORKER_NONE, NULL);
}

void figures_read(const struct figures *figures, struct dance_wire_status_of_user *out)
{
    uint8_t state = atomic_load(&figures->state);

    memset(out, 0, sizeof(*out));
    out->state = state < DANCE_WORKER_STATES ? state : (uint8_t)DANCE_WORKER_STUCK;
    for (size_t i = 0; i < DANCE_FIGURES; i++)
        out->figure[i] = atomic_load_explicit(&figures->figure[i], memory_order_relaxed);
    for (size_t o = 0; o < DANCE_OUTCOMES; o++) {
        for (size_t r = 0; r < DANCE_COUNTED_REASONS; r++)
            out->clients[o][r] =
                atomic_load_explicit(&figures->clients[o][r], memory_order_relaxed);
    }
    for (size_t i = 0; i < DANCE_WIRE_REASON_MAX; i++)
        out->fault[i] = atomic_load_explicit(&figures->fault[i], memory_order_relaxed);
}
