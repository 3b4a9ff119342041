/*
 * fuzz_machine.c: the server's state machine, by any sequence of events.
 *
 * The first octet is the level, each other one an event. A monitor that knows no
 * stages holds what follows to what has happened: nobody is accepted without a
 * name, its records, what matches them and the proof, in this order and in one
 * authentication; a refusal ends with a new handshake alone. It is the fixpoint of
 * test/unit/server/test_machine.c once more, without what libssl cannot do.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "must.h"
#include "server/machine.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How far the authentication that goes on has come. */
enum progress { NOTHING, NAMED, WITH_RECORDS, MATCHED, PROVED };

struct monitor {
    enum progress progress;
    bool forgave;  /* the application's own callback went on, in this authentication */
    bool accepted; /* on this connection */
    bool session;  /* it stands on a session of a client whom DANE authenticated */
    bool named;    /* somebody, on this connection: it may be tied */
};

static bool is_refusal(enum dance_event event)
{
    return event == DANCE_STRANGE || event == DANCE_OTHER_NAME || event == DANCE_BROKEN
           || event == DANCE_MISMATCH || event == DANCE_FAILED;
}

static void go_on(struct monitor *m, enum dance_event event)
{
    static const enum dance_event next[] = {DANCE_NAME, DANCE_FOUND, DANCE_MATCH, DANCE_PROOF};

    if (event == DANCE_BEGIN || event == DANCE_HELLO || event == DANCE_FREE)
        *m = (struct monitor){0};
    if (event == DANCE_REQUEST) {
        m->progress = NOTHING;
        m->forgave = false;
    }
    m->named = m->named || event == DANCE_NAME || event == DANCE_SESSION;
    m->session = m->session || event == DANCE_SESSION;
    m->forgave = m->forgave || event == DANCE_FORGIVE;
    if (m->progress < PROVED && event == next[m->progress])
        m->progress = (enum progress)(m->progress + 1);
}

static void check_end(const struct monitor *m, const struct dance_step *step,
                      enum dance_level level)
{
    if (step->action == DANCE_ACCEPT)
        must(m->progress == PROVED && !m->forgave && level != DANCE_CLOSED);
    if (step->state.stage == DANCE_ACCEPTED)
        must(step->state.tied && m->progress == PROVED);
    if (step->action == DANCE_PASS)
        must(m->forgave || m->progress == NOTHING);
    if (step->action == DANCE_REFUSE)
        return;
    if (level == DANCE_REQUIRE)
        must(m->progress == PROVED || m->accepted || m->session);
    if (level == DANCE_CLOSED)
        must(m->progress == NOTHING && !m->session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dance_state state = {DANCE_IDLE, false};
    struct monitor m = {0};
    enum dance_level level;

    if (size == 0)
        return 0;
    level = (enum dance_level)(data[0] % DANCE_LEVELS);
    for (size_t i = 1; i < size; i++) {
        enum dance_event event = (enum dance_event)(data[i] % DANCE_EVENTS);
        struct dance_step step = dance_machine_step(state, event, level);

        must((step.state.stage == DANCE_REFUSED) == (step.action == DANCE_REFUSE));
        if (is_refusal(event) || (state.stage == DANCE_REFUSED && event != DANCE_BEGIN))
            must(step.action == DANCE_REFUSE);
        if (event == DANCE_BEGIN)
            must(step.state.stage == DANCE_BEGUN && !step.state.tied
                 && step.action == DANCE_FORGET_CLIENT);
        if (step.action != DANCE_REFUSE || event == DANCE_END)
            go_on(&m, event);
        if (event == DANCE_END || event == DANCE_PROOF)
            check_end(&m, &step, level);
        must(step.action == DANCE_REFUSE || !step.state.tied || m.named);
        m.accepted = m.accepted || step.action == DANCE_ACCEPT;
        state = step.state;
    }
    return 0;
}
