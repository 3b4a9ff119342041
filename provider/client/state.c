/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "client/state.h"

#include <stddef.h>

/* Sets of stages. */
#define IN(stage) (1u << DANCE_CLIENT_##stage)
#define ANY ((1u << DANCE_CLIENT_STAGES) - 1)
#define NOT_STRANGE (ANY & ~IN(STRANGE))

#define ROW(from, event, to, action)                                                               \
    {                                                                                              \
        from, DANCE_CLIENT_##event, DANCE_CLIENT_##to, DANCE_CLIENT_##action                       \
    }

static const struct row {
    unsigned from;
    enum dance_client_event event;
    enum dance_client_stage to;
    enum dance_client_action action;
} table[] = {
    /* Nothing that one server is given is the next one's. */
    ROW(ANY, BEGIN, STRANGE, TAKE_BACK), ROW(ANY, BEGIN_KNOWN, KNOWN, TAKE_BACK),
    /* Nor is it there for the next request, which may be one without the extension. */
    ROW(NOT_STRANGE, NEXT, KNOWN, TAKE_BACK), ROW(NOT_STRANGE, END, KNOWN, TAKE_BACK),

    /* The application's own choice goes first, at any time. */
    ROW(NOT_STRANGE, REQUEST, APPLICATIONS, TAKE_BACK), ROW(IN(APPLICATIONS), NOTHING, LENT, LEND),
    ROW(IN(LENT), PUT, APPLICATIONS, TAKE_BACK), ROW(IN(LENT), FAILED, APPLICATIONS, TAKE_BACK),

    /* The name, in the answer to a request for it, and with nothing but the key that it is of. */
    ROW(IN(LENT) | IN(CONFIRMED), OURS, CONFIRMED, NAME),
    ROW(IN(APPLICATIONS), SAME, APPLICATIONS, NAME),
    /* Whatever is not here changes nothing: nothing is lent, and no name is said. */
};

struct dance_client_step dance_client_step(enum dance_client_stage stage,
                                           enum dance_client_event event)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].event == event && (table[i].from & 1u << stage) != 0)
            return (struct dance_client_step){table[i].to, table[i].action};
    }
    return (struct dance_client_step){stage, DANCE_CLIENT_NO_ACTION};
}
