/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/machine.h"

#include <stddef.h>

/* Sets of stages. */
#define IN(stage) (1u << DANCE_##stage)
#define ANY ((1u << DANCE_STAGES) - 1)
#define NEW (IN(IDLE) | IN(BEGUN))
#define OPEN (NEW | IN(ASKED) | IN(ASKED_AGAIN))
#define OVER (IN(ACCEPTED) | IN(PASSED) | IN(RESUMED))

/* Is the connection tied to an identity: before, and after. */
enum tie { KEEP, EITHER = KEEP, FREE, TIED };

/* What follows: under each level, in the order of enum dance_level. */
#define ALL(stage)                                                                                 \
    {                                                                                              \
        DANCE_##stage, DANCE_##stage, DANCE_##stage, DANCE_##stage                                 \
    }
#define UNDER(mixed, dane, closed, require)                                                        \
    {                                                                                              \
        DANCE_##mixed, DANCE_##dane, DANCE_##closed, DANCE_##require                               \
    }

static const struct row {
    unsigned from;
    enum tie before;
    enum dance_event event;
    enum dance_stage to[DANCE_LEVELS];
    enum tie after;
    enum dance_action action;
} table[] = {
    /* Nothing of one client counts for the next, and nothing of one ClientHello for the second. */
    {ANY, EITHER, DANCE_BEGIN, ALL(BEGUN), FREE, DANCE_FORGET_CLIENT},
    {NEW | IN(RESUMED), EITHER, DANCE_HELLO, ALL(BEGUN), FREE, DANCE_FORGET_CLIENT},

    /* Sessions. */
    {NEW, FREE, DANCE_SESSION, UNDER(RESUMED, RESUMED, REFUSED, RESUMED), TIED, DANCE_NOTHING},
    {NEW, FREE, DANCE_FREE, UNDER(RESUMED, RESUMED, RESUMED, REFUSED), FREE, DANCE_NOTHING},

    /* The name. After the handshake it is asked for as often as the application likes. */
    {NEW, FREE, DANCE_REQUEST, ALL(ASKED), KEEP, DANCE_FORGET_PROOF},
    {OVER | IN(ASKED_AGAIN), EITHER, DANCE_REQUEST, ALL(ASKED_AGAIN), KEEP, DANCE_FORGET_PROOF},
    {OPEN, EITHER, DANCE_NAME, ALL(CLAIMED), TIED, DANCE_NOTHING},
    {IN(CLAIMED), TIED, DANCE_FOUND, UNDER(RECORDS, RECORDS, DENIED, RECORDS), KEEP, DANCE_NOTHING},
    {IN(CLAIMED), TIED, DANCE_NOT_FOUND, ALL(DENIED), KEEP, DANCE_NOTHING},

    /* The verdict. */
    {IN(RECORDS), TIED, DANCE_MATCH, ALL(MATCHED), KEEP, DANCE_NOTHING},
    {IN(RECORDS) | IN(DENIED), TIED, DANCE_FORGIVE, UNDER(FORGIVEN, FORGIVEN, REFUSED, REFUSED),
     KEEP, DANCE_NOTHING},
    {OPEN, FREE, DANCE_FORGIVE, UNDER(LEFT, FORGIVEN, REFUSED, REFUSED), KEEP, DANCE_NOTHING},
    {OPEN, FREE, DANCE_LEAVE, UNDER(LEFT, REFUSED, REFUSED, REFUSED), KEEP, DANCE_NOTHING},

    /* The proof, and the end. */
    {IN(MATCHED), TIED, DANCE_PROOF, ALL(PROVED), KEEP, DANCE_NOTHING},
    {IN(FORGIVEN), EITHER, DANCE_PROOF, UNDER(PASSED, PASSED, REFUSED, REFUSED), KEEP, DANCE_PASS},
    {IN(LEFT), FREE, DANCE_PROOF, UNDER(PASSED, REFUSED, REFUSED, REFUSED), KEEP, DANCE_NOTHING},
    {IN(PROVED), TIED, DANCE_END, ALL(ACCEPTED), KEEP, DANCE_ACCEPT},
    {IN(FORGIVEN), EITHER, DANCE_END, UNDER(PASSED, PASSED, REFUSED, REFUSED), KEEP, DANCE_PASS},
    {IN(LEFT), FREE, DANCE_END, UNDER(PASSED, REFUSED, REFUSED, REFUSED), KEEP, DANCE_NOTHING},
    {NEW | IN(ASKED), FREE, DANCE_END, UNDER(PASSED, PASSED, PASSED, REFUSED), KEEP, DANCE_PASS},
    {IN(PASSED), EITHER, DANCE_END, UNDER(PASSED, PASSED, PASSED, REFUSED), KEEP, DANCE_NOTHING},
    /* Once more with each further ticket; and while an answer is waited for. */
    {IN(ACCEPTED), TIED, DANCE_END, ALL(ACCEPTED), KEEP, DANCE_NOTHING},
    {IN(RESUMED), EITHER, DANCE_END, ALL(RESUMED), KEEP, DANCE_NOTHING},
    {IN(ASKED_AGAIN), EITHER, DANCE_END, ALL(ASKED_AGAIN), KEEP, DANCE_NOTHING},
    /* Whatever is not here is refused: DANCE_STRANGE, DANCE_OTHER_NAME, DANCE_BROKEN,
       DANCE_MISMATCH and DANCE_FAILED everywhere. */
};

struct dance_step dance_machine_step(struct dance_state state, enum dance_event event,
                                     enum dance_level level)
{
    const enum tie tie = state.tied ? TIED : FREE;

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct row *row = &table[i];
        struct dance_step step;

        if (row->event != event || (row->from & 1u << state.stage) == 0
            || (row->before != EITHER && row->before != tie))
            continue;
        step.state.stage = row->to[level];
        step.state.tied = row->after == KEEP ? state.tied : row->after == TIED;
        step.action = step.state.stage == DANCE_REFUSED ? DANCE_REFUSE : row->action;
        return step;
    }
    return (struct dance_step){{DANCE_REFUSED, state.tied}, DANCE_REFUSE};
}

bool dance_stage_is_open(enum dance_stage stage)
{
    return (1u << stage & (OPEN | IN(CLAIMED) | IN(RECORDS) | IN(DENIED))) != 0;
}

bool dance_stage_is_over(enum dance_stage stage)
{
    return (1u << stage & OVER) != 0;
}
