/*
 * Whose credential goes out, for sequences of any length: a fixpoint over the reachable pairs of
 * the client's state and what is true.
 *
 * The monitor knows nothing of stages. It knows what really happened: whether the server may learn
 * the identity, whether this request had the extension, what the application has, what is in
 * libssl's slots, and what libssl chose. The world (servers, an application, libssl) may do
 * anything at any time, but for what libssl cannot: choose what is in no slot, or ask for a
 * credential where the application has one that will do.
 */
#include "client/state.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum chosen { NOT_YET, NOTHING_AT_ALL, OURS, APPLICATIONS_SAME, APPLICATIONS_OTHER, CHOICES };

struct world {
    unsigned char stage;
    bool may_learn;       /* the server of this handshake */
    bool after;           /* its handshake is over */
    bool requested;       /* a request has not been answered yet */
    bool extension;       /* and has the empty ClientName */
    bool has_same;        /* the application has a credential with our key that will do */
    bool has_other;       /* or with another */
    bool ours_in_slot;    /* what was lent is in a slot */
    unsigned char choice; /* libssl's */
};

#define WORLDS (DANCE_CLIENT_STAGES * 128 * CHOICES)
static struct world queue[WORLDS];
static bool seen[WORLDS];
static size_t count, named, lent_unnamed;

static void add(const struct world *w)
{
    size_t n = w->stage;

    n = n * 2 + w->may_learn;
    n = n * 2 + w->after;
    n = n * 2 + w->requested;
    n = n * 2 + w->extension;
    n = n * 2 + w->has_same;
    n = n * 2 + w->has_other;
    n = n * 2 + w->ours_in_slot;
    n = n * CHOICES + w->choice;
    if (seen[n])
        return;
    seen[n] = true;
    queue[count++] = *w;
}

static enum dance_client_action step(struct world *w, enum dance_client_event event)
{
    const struct dance_client_step s = dance_client_step((enum dance_client_stage)w->stage, event);

    w->stage = (unsigned char)s.stage;
    /* What extension.c does. */
    if (s.action == DANCE_CLIENT_TAKE_BACK)
        w->ours_in_slot = false;
    if (s.action == DANCE_CLIENT_LEND) {
        cr_assert(w->requested && w->extension && w->may_learn,
                  "lent without a request for it, or to a server that may not learn the name");
        cr_assert(!w->has_same && !w->has_other, "lent where the application has its own");
        w->ours_in_slot = true;
    }
    return s.action;
}

/* The application changes its mind, in whichever callback: libssl asks of what is put on the SSL.
 */
static void application(const struct world *from)
{
    for (int has = 0; has < 4; has++) {
        struct world w = *from;

        w.has_same = (has & 1) != 0;
        w.has_other = (has & 2) != 0;
        if ((w.has_same && !from->has_same) || (w.has_other && !from->has_other))
            (void)step(&w, DANCE_CLIENT_PUT);
        add(&w);
    }
}

/* Nothing will do: asked by libssl behind the choice, or before it for a client_cert_cb of its own.
 */
static void ask(const struct world *from)
{
    struct world w = *from;
    struct world failed;

    if (w.has_same || w.has_other || !w.requested || w.choice != NOT_YET)
        return;
    if (step(&w, DANCE_CLIENT_NOTHING) == DANCE_CLIENT_LEND) {
        failed = w;
        failed.ours_in_slot = false;
        (void)step(&failed, DANCE_CLIENT_FAILED);
        add(&failed);
        cr_assert_eq(failed.stage, DANCE_CLIENT_APPLICATIONS);
    }
    add(&w);
}

static void choose(const struct world *from)
{
    for (int choice = NOTHING_AT_ALL; choice < CHOICES; choice++) {
        struct world w = *from;

        if ((choice == OURS && !w.ours_in_slot) || (choice == APPLICATIONS_SAME && !w.has_same)
            || (choice == APPLICATIONS_OTHER && !w.has_other))
            continue;
        if (choice == OURS) {
            cr_assert(w.extension && w.may_learn, "ours goes to a server that did not ask for it");
            cr_assert(!w.has_same && !w.has_other, "ours goes out instead of the application's");
        }
        w.choice = (unsigned char)choice;
        add(&w);
    }
}

/* libssl calls us where it has ever seen the extension in a request on this SSL; once or twice. */
static void build(const struct world *from)
{
    static const enum dance_client_event events[CHOICES] = {
        [OURS] = DANCE_CLIENT_OURS,
        [APPLICATIONS_SAME] = DANCE_CLIENT_SAME,
        [APPLICATIONS_OTHER] = DANCE_CLIENT_OTHERS,
    };
    struct world w = *from;
    bool says;

    if (w.choice == NOTHING_AT_ALL) {
        w.requested = false;
        add(&w);
        return;
    }
    says = step(&w, events[w.choice]) == DANCE_CLIENT_NAME;
    cr_assert_eq(w.choice == OURS, says && w.choice != APPLICATIONS_SAME,
                 "what was lent goes out without its name, or another with it");
    if (says)
        cr_assert(w.extension && w.may_learn, "the name goes to whom it may not");
    if (w.choice == APPLICATIONS_SAME)
        cr_assert_eq(says, w.extension && w.may_learn, "the identity's own key without the name");
    named += says;
    add(&w);
    w.requested = false;
    add(&w);
}

static void every_event(const struct world *from)
{
    struct world w;

    for (int may_learn = 0; may_learn < 2; may_learn++) {
        /* Another handshake, to whoever: SSL_clear(), SSL_dup(), which copies the state. */
        w = *from;
        w.may_learn = may_learn;
        w.after = w.requested = w.extension = false;
        w.choice = NOT_YET;
        (void)step(&w, may_learn ? DANCE_CLIENT_BEGIN_KNOWN : DANCE_CLIENT_BEGIN);
        cr_assert(!w.ours_in_slot, "one server's is left for the next");
        add(&w);
    }
    if (!from->requested) {
        /* A message after the handshake: a ticket, or a request. */
        w = *from;
        if (w.after) {
            (void)step(&w, DANCE_CLIENT_NEXT);
            add(&w);
        }
        if (w.after || w.choice == NOT_YET) {
            w.requested = true;
            w.choice = NOT_YET;
            w.extension = false; /* or with an extension that is not ours */
            add(&w);
            w.extension = true;
            if (w.may_learn)
                (void)step(&w, DANCE_CLIENT_REQUEST);
            add(&w);
        }
        w = *from;
        w.after = true;
        lent_unnamed += w.stage == DANCE_CLIENT_LENT;
        (void)step(&w, DANCE_CLIENT_END);
        cr_assert(!w.ours_in_slot, "what was lent stays behind");
        add(&w);
    }
    /* The choice is made once; who changes the slots behind it has a handshake that fails. */
    if (from->choice == NOT_YET) {
        application(from);
        ask(from);
        if (from->requested)
            choose(from);
    } else if (from->requested) {
        build(from);
    }
}

Test(state, whatever_happens)
{
    struct world start = {0};

    add(&start);
    for (size_t at = 0; at < count; at++)
        every_event(&queue[at]);
    printf("%zu pairs of a state and what is true are reached; the name goes out in %zu of them\n",
           count, named);
    /* The test would pass as well if nothing were ever lent. */
    cr_assert_gt(named, 3);
    cr_assert_gt(lent_unnamed, 0);
    cr_assert_gt(count, 100);
}

Test(state, only_a_handshake_with_a_friend_leads_out_of_strange)
{
    for (enum dance_client_event event = DANCE_CLIENT_BEGIN; event < DANCE_CLIENT_EVENTS; event++) {
        const struct dance_client_step s = dance_client_step(DANCE_CLIENT_STRANGE, event);

        cr_assert_eq(s.stage,
                     event == DANCE_CLIENT_BEGIN_KNOWN ? DANCE_CLIENT_KNOWN : DANCE_CLIENT_STRANGE);
        cr_assert(s.action == DANCE_CLIENT_NO_ACTION || s.action == DANCE_CLIENT_TAKE_BACK);
    }
}
