/*
 * fuzz_client.c: whose credential a client presents, by any sequence of events.
 *
 * Each octet is an event. Nothing is lent and no name is said to a server that may not
 * learn the identity, nor without a request for it since the last end; what is lent
 * is taken back before anything else is lent.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "client/state.h"
#include "must.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum dance_client_stage stage = DANCE_CLIENT_STRANGE;
    bool may_learn = false, requested = false, lent = false;

    for (size_t i = 0; i < size; i++) {
        enum dance_client_event event = (enum dance_client_event)(data[i] % DANCE_CLIENT_EVENTS);
        struct dance_client_step step = dance_client_step(stage, event);

        if (event == DANCE_CLIENT_BEGIN || event == DANCE_CLIENT_BEGIN_KNOWN)
            may_learn = event == DANCE_CLIENT_BEGIN_KNOWN;
        if (event == DANCE_CLIENT_BEGIN || event == DANCE_CLIENT_BEGIN_KNOWN
            || event == DANCE_CLIENT_NEXT || event == DANCE_CLIENT_END)
            requested = false;
        if (event == DANCE_CLIENT_REQUEST)
            requested = true;
        if (step.action == DANCE_CLIENT_LEND) {
            must(event == DANCE_CLIENT_NOTHING && may_learn && requested && !lent);
            lent = true;
        }
        if (step.action == DANCE_CLIENT_NAME)
            must(may_learn && requested
                 && (event == DANCE_CLIENT_OURS ? lent : event == DANCE_CLIENT_SAME && !lent));
        if (step.action == DANCE_CLIENT_TAKE_BACK)
            lent = false;
        must(lent == (step.stage == DANCE_CLIENT_LENT || step.stage == DANCE_CLIENT_CONFIRMED));
        must(may_learn || step.stage == DANCE_CLIENT_STRANGE);
        stage = step.stage;
    }
    return 0;
}
