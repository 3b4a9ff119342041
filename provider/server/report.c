/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/report.h"

#include "log.h"
#include "lookup/counts.h"
#include "now.h"
#include "openssl/compat.h"
#include "reasons.h"
#include "server/fields.h"
#include "server/peer.h"
#include "server/repeats.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum {
#define PLACE(name, text) PLACE_OF_##name,
    DANCE_REASONS(PLACE)
#undef PLACE
        REASONS
};
#define FIRST ((unsigned)DANCE_R_BEFORE_FIRST + 1)
_Static_assert(REASONS < DANCE_COUNTED_REASONS, "each reason has a place among what is counted");

enum answer { REFUSED, FORGIVEN, ANSWERS };

/* How a line begins, and what is counted. */
static const struct {
    const char *line;
    const char *more;
    enum dance_outcome outcome;
} words[ANSWERS] = {
    [REFUSED] = {"refused", "refused", DANCE_CLIENT_REFUSED},
    [FORGIVEN] = {"not authenticated, the application goes on with", "not authenticated",
                  DANCE_CLIENT_FORGIVEN},
};

static struct dance_repeats repeats[ANSWERS][REASONS];
static _Atomic(pid_t) counting; /* the process whose they are */

/* What a child finds was counted by its parent, which says it. */
static void begin_anew_in_a_child(void)
{
    pid_t pid = getpid();

    if (atomic_exchange(&counting, pid) == pid)
        return;
    for (int a = 0; a < ANSWERS; a++) {
        for (int r = 0; r < REASONS; r++)
            dance_repeats_forget(&repeats[a][r]);
    }
}

static void add_reason(struct dance_fields *fields, enum dance_reason reason)
{
    char code[DANCE_REASON_CODE_MAX];

    dance_reason_code(reason, code);
    dance_fields_add(fields, "reason", code);
}

static void say_rest(enum answer answer, enum dance_reason reason, struct dance_repeats_rest rest)
{
    struct dance_fields fields = {"", 0};

    if (rest.times == 0)
        return;
    add_reason(&fields, reason);
    dance_log_fields(DANCE_LOG_INFO, fields.text, "%u more %s in %u s: %s", rest.times,
                     words[answer].more, rest.seconds, dance_reason_text(reason));
}

/* end: all of it, whether its time is over or not. */
static void say_counted(bool end)
{
    long long now = dance_now_ms();

    begin_anew_in_a_child();
    for (int a = 0; a < ANSWERS; a++) {
        for (unsigned r = 0; r < REASONS; r++)
            say_rest((enum answer)a, (enum dance_reason)(FIRST + r),
                     dance_repeats_take(&repeats[a][r], now, end));
    }
}

__attribute__((destructor)) static void at_end(void)
{
    say_counted(true);
}

/* What is known of the client, in the order of report.h. */
static struct dance_fields describe(SSL *ssl, const struct dance_connection *c, bool accepted)
{
    struct dance_fields fields = {"", 0};
    char client[DANCE_PEER_MAX];
    char ttl[32] = "";

    dance_peer_describe(ssl, client);
    if (accepted || c->ttl > 0)
        (void)snprintf(ttl, sizeof(ttl), "%lu", c->ttl);
    dance_fields_add(&fields, "client", client);
    dance_fields_add(&fields, "server", SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    dance_fields_add(&fields, "identity", c->name);
    if (!accepted)
        add_reason(&fields, c->reason);
    dance_fields_add(&fields, "ttl", ttl);
    return fields;
}

void dance_report_accepted(SSL *ssl, const struct dance_connection *c)
{
    struct dance_fields fields = describe(ssl, c, true);

    say_counted(false);
    dance_log_fields(DANCE_LOG_INFO, fields.text, "accepted %s (TLSA %s, TTL %lu s%s)", c->name,
                     c->record, c->ttl, dance_raw_key_negotiated(ssl) ? ", raw public key" : "");
    dance_count(DANCE_CLIENT_ACCEPTED, 0);
}

static bool is_to_be_said(enum answer answer, enum dance_reason reason)
{
    unsigned at = (unsigned)reason - FIRST;
    struct dance_repeats_rest rest;
    bool said;

    say_counted(false);
    if (at >= REASONS)
        return true;
    said = dance_repeats_happens(&repeats[answer][at], dance_now_ms(), &rest);
    say_rest(answer, reason, rest);
    return said;
}

static void say(SSL *ssl, const struct dance_connection *c, enum answer answer)
{
    bool named = c->name[0] != '\0';
    struct dance_fields fields;

    if (!is_to_be_said(answer, c->reason))
        return;
    fields = describe(ssl, c, false);
    dance_log_fields(DANCE_LOG_INFO, fields.text, "%s %s: %s%s%s%s", words[answer].line,
                     named ? c->name : "a client", dance_reason_text(c->reason),
                     c->detail[0] != '\0' ? " (" : "", c->detail, c->detail[0] != '\0' ? ")" : "");
}

static void report(SSL *ssl, struct dance_connection *c, enum answer answer)
{
    unsigned at = (unsigned)c->reason - FIRST;

    if (c->reported)
        return;
    c->reported = true;
    say(ssl, c, answer);
    /* Behind the line, which may be lost, and is counted then. */
    dance_count(words[answer].outcome, at < REASONS ? at + 1 : 0);
}

/* The error queue tells what the log cannot, once in a process, behind the reason, which
 * applications look at first. */
static void raise_lost_log(void)
{
    static atomic_flag raised = ATOMIC_FLAG_INIT;
    char text[512];

    if (dance_log_fails(text, sizeof(text)) && !atomic_flag_test_and_set(&raised))
        dance_raise(DANCE_R_CONFIGURATION, text);
}

void dance_report_refused(SSL *ssl, struct dance_connection *c)
{
    report(ssl, c, REFUSED);
}

void dance_report_forgiven(SSL *ssl, struct dance_connection *c)
{
    report(ssl, c, FORGIVEN);
}

bool dance_report_refuse(SSL *ssl, struct dance_connection *c)
{
    char detail[sizeof(c->name) + sizeof(c->detail) + 4];
    bool named = c->name[0] != '\0';
    bool both = named && c->detail[0] != '\0';

    dance_connection_fail(c, DANCE_R_INTERNAL, "%s", "");
    (void)snprintf(detail, sizeof(detail), "%s%s%s", named ? c->name : "", both ? ": " : "",
                   c->detail);
    dance_raise(c->reason, detail);
    raise_lost_log();
    dance_report_refused(ssl, c);
    return false;
}
