/*
 * Who is let in, for sequences of any length: a fixpoint over the reachable pairs of the machine's
 * state and a monitor's.
 *
 * The monitor knows nothing of stages. It knows what really happened: whose name was said, whose
 * records the holder was given, whose key was presented, whether the signature was good, whose a
 * session was. The world (a client, an application, libssl) may do anything at any time, but for
 * what libssl cannot: end a handshake in which a certificate was presented without a
 * CertificateVerify that it has checked, having asked us; or take a Certificate that it did not ask
 * for (before TLS 1.3 nobody sees it ask). Identities are A and B; whoever gets in by mixing up
 * more than two gets in by mixing up two.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "server/machine.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum identity { NONE, A, B };

/* What is true, and what the rooms around the machine keep. */
struct world {
    struct dance_state state;
    unsigned char name;    /* what the connection keeps as the name; valid if tied */
    unsigned char holder;  /* whose records the holder has */
    unsigned char said;    /* the name of this authentication */
    unsigned char key;     /* whose key was presented in it; NONE: a stranger's */
    bool asked;            /* after the handshake, in TLS 1.3 */
    bool presented;        /* a certificate or key was */
    bool signed_;          /* CertificateVerify, for which we were asked, too */
    bool forgave;          /* the application's own callback went on in it */
    bool resumed;          /* the handshake resumes a session */
    unsigned char session; /* whose; NONE: a session that DANE did not make, with a peer */
    bool session_peerless; /* one of a client without certificate */
    bool session_forgiven; /* one of a client whom the application let pass */
    bool ended;            /* the handshake is over: the application serves the client */
    unsigned char served;  /* as whom it was served first on this connection; NONE: nobody yet */
};

#define QUEUE_MAX 2000000
static struct world *queue;
static size_t *before; /* from which each was reached first */
static size_t count, at, served_as_somebody;
static unsigned char *seen;

/* Every world as a number. */
static size_t number(const struct world *w)
{
    size_t n = (size_t)w->state.stage;

    n = n * 2 + w->state.tied;
    n = n * 3 + w->name;
    n = n * 3 + w->holder;
    n = n * 3 + w->said;
    n = n * 3 + w->key;
    n = n * 2 + w->asked;
    n = n * 2 + w->presented;
    n = n * 2 + w->signed_;
    n = n * 2 + w->forgave;
    n = n * 2 + w->resumed;
    n = n * 3 + w->session;
    n = n * 2 + w->session_peerless;
    n = n * 2 + w->session_forgiven;
    n = n * 2 + w->ended;
    return n * 3 + w->served;
}
#define NUMBERS ((size_t)DANCE_STAGES * 2 * 81 * 32 * 3 * 8 * 3)

static void add(const struct world *w)
{
    size_t n = number(w);

    if ((seen[n / 8] & 1u << n % 8) != 0)
        return;
    seen[n / 8] |= (unsigned char)(1u << n % 8);
    cr_assert_lt(count, QUEUE_MAX);
    before[count] = at;
    queue[count++] = *w;
}

static void tell(const struct world *w);

#define must(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            tell(w);                                                                               \
        cr_assert(condition, __VA_ARGS__);                                                         \
    } while (0)

static enum dance_action step(struct world *w, enum dance_event event, enum dance_level level)
{
    struct dance_step s = dance_machine_step(w->state, event, level);

    w->state = s.state;
    if (s.action == DANCE_ACCEPT)
        must(w->signed_ && w->key != NONE && w->said == w->key, "accepted before the proof");
    if (s.action == DANCE_PASS)
        must(w->forgave || !w->presented, "passed with what it presented");
    /* What the rooms do: connection.c forgets, records.c gives the holder away. */
    if (s.action == DANCE_FORGET_CLIENT)
        w->name = NONE;
    if (s.action == DANCE_FORGET_CLIENT || s.action == DANCE_FORGET_PROOF)
        w->holder = NONE;
    return s.action;
}

static void new_authentication(struct world *w)
{
    w->said = w->key = NONE;
    w->presented = w->signed_ = w->forgave = false;
}

/* How it came to that, from the last to the first. */
static void tell(const struct world *w)
{
    for (size_t i = at;; i = before[i]) {
        printf("  stage %2d tied %d name %d holder %d said %d key %d asked %d presented %d signed "
               "%d forgave %d"
               " resumed %d session %d%s%s ended %d served %d\n",
               w->state.stage, w->state.tied, w->name, w->holder, w->said, w->key, w->asked,
               w->presented, w->signed_, w->forgave, w->resumed, w->session,
               w->session_peerless ? " peerless" : "", w->session_forgiven ? " forgiven" : "",
               w->ended, w->served);
        w = &queue[i];
        if (i == before[i])
            break;
    }
    (void)fflush(stdout);
}

/* The application goes on with the client: what must be true then. */
static void check(const struct world *w, enum dance_level level)
{
    enum identity proved =
        w->resumed && !w->presented ? w->session : (w->said == w->key ? w->said : NONE);

    if (w->state.stage == DANCE_ACCEPTED)
        must(proved != NONE && w->name == proved && w->state.tied,
             "accepted as %d, proved is %d (level %d)", w->name, proved, (int)level);
    if (level == DANCE_REQUIRE)
        must(proved != NONE || w->state.stage == DANCE_ASKED_AGAIN,
             "under require somebody is let in in stage %d", (int)w->state.stage);
    if (level == DANCE_REQUIRE && w->state.stage == DANCE_ASKED_AGAIN)
        must(w->served != NONE, "asked again, but never served");
    /* Who presents a certificate proves a name, or the application has forgiven it. */
    if (w->presented && (level == DANCE_CLOSED || (level == DANCE_DANE && !w->forgave))
        && w->state.stage != DANCE_ASKED_AGAIN)
        must(proved != NONE, "level %d lets a certificate pass", (int)level);
    /* Who says a name proves it. */
    if (w->said != NONE && !w->forgave && w->state.stage != DANCE_ASKED_AGAIN)
        must(proved == w->said, "the name %d was said, %d is proved", w->said, proved);
    /* Nobody is whom a session speaks for but its client. */
    if (w->resumed && !w->presented && level > DANCE_MIXED && w->state.stage == DANCE_RESUMED)
        must(w->session != NONE || w->session_peerless
                 || (level == DANCE_DANE && w->session_forgiven),
             "a foreign session counts under level %d", (int)level);
    /* The identity of a connection never changes. */
    if (w->served != NONE && proved != NONE)
        must(w->served == proved, "served as %d, and now as %d", w->served, proved);
}

static void end(struct world w, enum dance_level level)
{
    enum dance_action action = step(&w, DANCE_END, level);

    if (action == DANCE_REFUSE) {
        add(&w);
        return;
    }
    w.ended = true;
    w.asked = w.asked && !w.signed_;
    check(&w, level);
    if (w.state.stage == DANCE_ACCEPTED || (w.state.stage == DANCE_RESUMED && w.session != NONE))
        w.served = w.name;
    served_as_somebody += w.served != NONE;
    add(&w);
}

/* The verdict on what was presented: libssl matches by the holder, and by nothing else. */
static void verdict(struct world w, enum dance_level level)
{
    struct world other = w;
    bool ours = level > DANCE_MIXED || w.state.tied;

    /* verdict.c: a renegotiation, whose request nobody saw. */
    if (dance_stage_is_over(w.state.stage))
        (void)step(&w, DANCE_REQUEST, level);
    other = w;
    if (w.holder != NONE && w.holder == w.key) {
        (void)step(&w, DANCE_MATCH, level);
        add(&w);
        return;
    }
    (void)step(&w, ours ? DANCE_MISMATCH : DANCE_LEAVE, level);
    add(&w);
    other.forgave = true;
    (void)step(&other, DANCE_FORGIVE, level);
    add(&other);
}

static void present(const struct world *from, enum dance_level level)
{
    for (unsigned char key = NONE; key <= B; key++) {
        for (unsigned char said = NONE; said <= B; said++) {
            struct world w = *from;

            w.key = key;
            w.presented = true;
            w.said = said;
            if (said == NONE) {
                add(&w);
                continue;
            }
            /* No extension without TLS 1.3, which asks. */
            if (w.ended && !w.asked)
                continue;
            /* claim.c */
            if (step(&w, w.state.tied && w.name != said ? DANCE_OTHER_NAME : DANCE_NAME, level)
                == DANCE_REFUSE) {
                add(&w);
                continue;
            }
            w.name = said;
            for (int found = 0; found < 2; found++) {
                struct world next = w;

                next.holder = found ? said : NONE;
                (void)step(&next, found ? DANCE_FOUND : DANCE_NOT_FOUND, level);
                add(&next);
            }
        }
    }
}

static void resume(const struct world *from, enum dance_level level)
{
    /* Whose session: of A or B by DANE, of no peer, of one whom we let pass, of anybody else. */
    for (int kind = 0; kind < 5; kind++) {
        struct world w = *from;
        enum dance_event event = DANCE_STRANGE;

        w.resumed = true;
        w.session = kind < 2 ? (unsigned char)(kind + 1) : NONE;
        w.session_peerless = kind == 2;
        w.session_forgiven = kind == 3;
        /* session.c */
        if (w.session != NONE)
            event = DANCE_SESSION;
        else if (level == DANCE_MIXED || (kind == 2 && level < DANCE_REQUIRE)
                 || (kind == 3 && level == DANCE_DANE))
            event = DANCE_FREE;
        if (w.session != NONE)
            w.name = w.session;
        (void)step(&w, event, level);
        add(&w);
    }
}

static void every_event(const struct world *w, enum dance_level level)
{
    struct world next;

    /* Another handshake, of the same client or of another, at any time: SSL_clear(). */
    next = *w;
    memset(&next, 0, sizeof(next));
    next.state = w->state;
    next.name = w->name;
    next.holder = w->holder;
    (void)step(&next, DANCE_BEGIN, level);
    add(&next);
    /* SSL_dup(): nothing is known of the copy. */
    memset(&next, 0, sizeof(next));
    add(&next);
    /* Whatever of ours fails. */
    next = *w;
    (void)step(&next, DANCE_FAILED, level);
    add(&next);
    if (!w->ended && !w->presented) {
        next = *w;
        next.resumed = next.session_peerless = next.session_forgiven = false;
        next.session = NONE;
        (void)step(&next, DANCE_HELLO, level);
        add(&next);
        if (!w->resumed)
            resume(w, level);
    }
    /* A request: in the handshake, unless it resumes, and after it; libssl makes one when it likes.
     */
    if (!w->resumed || w->ended) {
        next = *w;
        new_authentication(&next);
        next.asked = next.ended;
        (void)step(&next, DANCE_REQUEST, level);
        add(&next);
    }
    next = *w;
    (void)step(&next, DANCE_BROKEN, level);
    add(&next);
    if ((!w->resumed || w->ended) && (!w->presented || (w->ended && w->signed_))) {
        next = *w;
        new_authentication(&next);
        present(&next, level);
    }
    /* By our cert_verify_callback, or when we are asked for the proof. */
    if (w->presented && !w->signed_
        && (dance_stage_is_open(w->state.stage) || dance_stage_is_over(w->state.stage)))
        verdict(*w, level);
    if (w->presented && !w->signed_ && !dance_stage_is_open(w->state.stage)
        && !dance_stage_is_over(w->state.stage)) {
        next = *w;
        next.signed_ = true;
        (void)step(&next, DANCE_PROOF, level);
        add(&next);
    }
    /* The end, also with nothing presented; and each ticket that the application wants later. */
    if (!w->presented || w->signed_)
        end(*w, level);
}

static void explore(enum dance_level level, const char *name)
{
    struct world start = {.state = {DANCE_IDLE, false}};
    queue = calloc(QUEUE_MAX, sizeof(*queue));
    before = calloc(QUEUE_MAX, sizeof(*before));
    seen = calloc(NUMBERS / 8 + 1, 1);
    cr_assert(queue != NULL && before != NULL && seen != NULL);
    count = at = served_as_somebody = 0;
    add(&start);
    for (at = 0; at < count; at++)
        every_event(&queue[at], level);
    printf(
        "%s: %zu pairs of a state and what is true are reached. In each of them:\n"
        "  accepted is only who said a name, in this authentication or in the session that it "
        "resumes, and proved it by that name's records;\n"
        "  a certificate or a name passes without that only where the application's own callback "
        "may and does go on with nobody;\n"
        "  a session that DANE did not make counts nowhere but where the application decides;\n"
        "  a connection serves one identity.\n"
        "  Somebody is let in %zu times.\n",
        name, at, served_as_somebody);
    /* The test would pass as well if nobody ever got in. */
    cr_assert_eq(served_as_somebody > 0, level != DANCE_CLOSED);
    cr_assert_gt(at, 100);
    free(queue);
    free(before);
    free(seen);
}

Test(machine, mixed)
{
    explore(DANCE_MIXED, "mixed");
}

Test(machine, dane)
{
    explore(DANCE_DANE, "dane");
}

Test(machine, closed_by_a_fault)
{
    explore(DANCE_CLOSED, "a fault");
}

Test(machine, require)
{
    explore(DANCE_REQUIRE, "require");
}

#define ALL(stage)                                                                                 \
    {                                                                                              \
        DANCE_##stage, DANCE_##stage, DANCE_##stage, DANCE_##stage                                 \
    }
#define UNDER(mixed, dane, closed, require)                                                        \
    {                                                                                              \
        DANCE_##mixed, DANCE_##dane, DANCE_##closed, DANCE_##require                               \
    }
#define WAY(accepts, passes, to, ...)                                                              \
    {                                                                                              \
        accepts, passes, to,                                                                       \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define HANDSHAKE DANCE_BEGIN, DANCE_HELLO
#define NAMED HANDSHAKE, DANCE_REQUEST, DANCE_NAME
#define PROVED DANCE_NAME, DANCE_FOUND, DANCE_MATCH, DANCE_PROOF, DANCE_END
#define RIGHTFUL HANDSHAKE, DANCE_REQUEST, PROVED

/*
 * What the fixpoint does not ask for: who is rightful gets in, and where the application may decide
 * it does. Each row of the table is needed for one of these. From BEGIN, which is 0, to the next 0.
 */
static const struct way {
    int accepts, passes; /* where it is not refused: how often that is the action */
    enum dance_stage to[DANCE_LEVELS];
    enum dance_event event[20];
} ways[] = {
    WAY(1, 0, UNDER(ACCEPTED, ACCEPTED, REFUSED, ACCEPTED), RIGHTFUL),
    /* With further tickets, and behind a HelloRetryRequest. */
    WAY(1, 0, UNDER(ACCEPTED, ACCEPTED, REFUSED, ACCEPTED), RIGHTFUL, DANCE_END, DANCE_END),
    WAY(1, 0, UNDER(ACCEPTED, ACCEPTED, REFUSED, ACCEPTED), HANDSHAKE, DANCE_HELLO, DANCE_REQUEST,
        PROVED),
    /* Before TLS 1.3 by san_fallback, with nobody who sees a ClientHello or a request. */
    WAY(1, 0, UNDER(ACCEPTED, ACCEPTED, REFUSED, ACCEPTED), DANCE_BEGIN, PROVED),

    /* By a session, with tickets; a HelloRetryRequest between; and asked behind it. */
    WAY(0, 0, UNDER(RESUMED, RESUMED, REFUSED, RESUMED), HANDSHAKE, DANCE_SESSION, DANCE_END,
        DANCE_END),
    WAY(0, 0, UNDER(RESUMED, RESUMED, REFUSED, RESUMED), HANDSHAKE, DANCE_SESSION, DANCE_HELLO,
        DANCE_SESSION, DANCE_END),
    WAY(1, 0, UNDER(ACCEPTED, ACCEPTED, REFUSED, ACCEPTED), HANDSHAKE, DANCE_SESSION, DANCE_END,
        DANCE_REQUEST, PROVED),
    WAY(1, 0, UNDER(ACCEPTED, ACCEPTED, REFUSED, ACCEPTED), HANDSHAKE, DANCE_SESSION, DANCE_HELLO,
        DANCE_REQUEST, PROVED),
    WAY(0, 0, UNDER(RESUMED, RESUMED, RESUMED, REFUSED), HANDSHAKE, DANCE_FREE, DANCE_END,
        DANCE_END),
    WAY(0, 0, UNDER(RESUMED, RESUMED, RESUMED, REFUSED), DANCE_BEGIN, DANCE_FREE, DANCE_END),
    WAY(0, 0, ALL(REFUSED), HANDSHAKE, DANCE_STRANGE),

    /* Asked once more, also before the answer has come; and at first by nobody. */
    WAY(2, 0, UNDER(ACCEPTED, ACCEPTED, REFUSED, ACCEPTED), RIGHTFUL, DANCE_REQUEST, DANCE_END,
        PROVED),
    WAY(2, 0, UNDER(ACCEPTED, ACCEPTED, REFUSED, ACCEPTED), RIGHTFUL, DANCE_REQUEST, DANCE_REQUEST,
        PROVED),
    WAY(1, 1, UNDER(ACCEPTED, ACCEPTED, REFUSED, REFUSED), HANDSHAKE, DANCE_END, DANCE_REQUEST,
        PROVED),

    /* Nobody, unless that is forbidden. */
    WAY(0, 1, UNDER(PASSED, PASSED, PASSED, REFUSED), HANDSHAKE, DANCE_END, DANCE_END),
    WAY(0, 1, UNDER(PASSED, PASSED, PASSED, REFUSED), HANDSHAKE, DANCE_REQUEST, DANCE_END),
    /* The application's own affair, with a proof and without. */
    WAY(0, 0, UNDER(PASSED, REFUSED, REFUSED, REFUSED), HANDSHAKE, DANCE_REQUEST, DANCE_LEAVE,
        DANCE_PROOF, DANCE_END),
    WAY(0, 0, UNDER(PASSED, REFUSED, REFUSED, REFUSED), DANCE_BEGIN, DANCE_LEAVE, DANCE_END),
    WAY(0, 1, UNDER(PASSED, REFUSED, REFUSED, REFUSED), HANDSHAKE, DANCE_END, DANCE_REQUEST,
        DANCE_LEAVE, DANCE_PROOF, DANCE_END),
    /* It forgives, which is no more than that under mixed where no name is said. */
    WAY(0, 1, UNDER(PASSED, PASSED, REFUSED, REFUSED), NAMED, DANCE_FOUND, DANCE_FORGIVE,
        DANCE_PROOF, DANCE_END),
    WAY(0, 1, UNDER(PASSED, PASSED, REFUSED, REFUSED), NAMED, DANCE_NOT_FOUND, DANCE_FORGIVE,
        DANCE_PROOF, DANCE_END),
    WAY(0, 1, UNDER(PASSED, PASSED, REFUSED, REFUSED), NAMED, DANCE_FOUND, DANCE_FORGIVE,
        DANCE_END),
    WAY(0, -1, UNDER(PASSED, PASSED, REFUSED, REFUSED), HANDSHAKE, DANCE_REQUEST, DANCE_FORGIVE,
        DANCE_PROOF),
    WAY(0, -1, UNDER(PASSED, PASSED, REFUSED, REFUSED), DANCE_BEGIN, DANCE_FORGIVE, DANCE_END),

    /* And who is not. */
    WAY(0, 0, ALL(REFUSED), NAMED, DANCE_FOUND, DANCE_MISMATCH),
    WAY(0, 0, ALL(REFUSED), NAMED, DANCE_NOT_FOUND, DANCE_MISMATCH),
    WAY(0, 0, ALL(REFUSED), RIGHTFUL, DANCE_REQUEST, DANCE_OTHER_NAME),
    WAY(0, 0, ALL(REFUSED), RIGHTFUL, DANCE_REQUEST, DANCE_LEAVE),
    WAY(0, 0, ALL(REFUSED), NAMED, DANCE_FOUND, DANCE_MATCH, DANCE_END),
    WAY(0, 0, ALL(REFUSED), NAMED, DANCE_FOUND, DANCE_PROOF),
    WAY(0, 0, ALL(REFUSED), NAMED, DANCE_FOUND, DANCE_END),
};

static void go(const struct way *way, enum dance_level level)
{
    struct dance_state state = {DANCE_IDLE, false};
    int accepts = 0, passes = 0;

    for (size_t i = 0; i == 0 || way->event[i] != DANCE_BEGIN; i++) {
        struct dance_step s = dance_machine_step(state, way->event[i], level);

        cr_assert_eq(s.action == DANCE_REFUSE, s.state.stage == DANCE_REFUSED);
        accepts += s.action == DANCE_ACCEPT;
        passes += s.action == DANCE_PASS;
        state = s.state;
    }
    cr_assert_eq(state.stage, way->to[level], "way %zu, level %d: stage %d", (size_t)(way - ways),
                 (int)level, (int)state.stage);
    if (state.stage == DANCE_REFUSED)
        return;
    /* -1: once, but under mixed never. */
    cr_assert_eq(accepts, way->accepts, "way %zu, level %d", (size_t)(way - ways), (int)level);
    cr_assert_eq(passes, way->passes >= 0 ? way->passes : level > DANCE_MIXED, "way %zu, level %d",
                 (size_t)(way - ways), (int)level);
}

Test(machine, ways)
{
    for (enum dance_level level = DANCE_MIXED; level < DANCE_LEVELS; level++) {
        for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
            go(&ways[i], level);
    }
}

/*
 * A handshake forgets the client before, a ClientHello what the first one brought, a request the
 * last proof.
 */
Test(machine, what_is_forgotten)
{
    for (enum dance_level level = DANCE_MIXED; level < DANCE_LEVELS; level++) {
        for (int i = 0; i < 2 * DANCE_STAGES; i++) {
            struct dance_state state = {(enum dance_stage)(i / 2), i % 2 != 0};
            struct dance_step begun = dance_machine_step(state, DANCE_BEGIN, level);
            struct dance_step hello = dance_machine_step(state, DANCE_HELLO, level);
            struct dance_step asked = dance_machine_step(state, DANCE_REQUEST, level);

            cr_assert(begun.state.stage == DANCE_BEGUN && !begun.state.tied
                      && begun.action == DANCE_FORGET_CLIENT);
            cr_assert(hello.action == DANCE_REFUSE
                      || (hello.action == DANCE_FORGET_CLIENT && !hello.state.tied));
            cr_assert(asked.action == DANCE_REFUSE
                      || (asked.action == DANCE_FORGET_PROOF && asked.state.tied == state.tied));
        }
    }
}

/* Whatever is not in the table is refused, and only a new handshake leads out of that. */
Test(machine, refused_is_the_end)
{
    for (enum dance_level level = DANCE_MIXED; level < DANCE_LEVELS; level++) {
        for (enum dance_event event = DANCE_BEGIN; event < DANCE_EVENTS; event++) {
            struct dance_state refused = {DANCE_REFUSED, event % 2 != 0};
            struct dance_step s = dance_machine_step(refused, event, level);

            cr_assert_eq(s.state.stage, event == DANCE_BEGIN ? DANCE_BEGUN : DANCE_REFUSED);
        }
    }
}
