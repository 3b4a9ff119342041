/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/session.h"

#include "files/allow.h"
#include "openssl/compat.h"
#include "process.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

/* Tells our data from the application's; then comes the end of the session, then the name. */
static const char mark[] = "dance";
#define TIME_LEN 8u
#define MARK_LEN (sizeof(mark) + TIME_LEN)

/* The id context of sessions that nobody may resume. */
static const unsigned char nobody[] = "dance: nobody's";
#define NOBODY_LEN ((unsigned)sizeof(nobody) - 1)

struct marked {
    const char *name; /* checked; not NUL-terminated */
    size_t name_len;  /* 0: whom the application let pass */
    long long until;  /* in seconds since 1970 */
};

/* 1: the mark of session; 0: there is no data; -1: it is somebody else's. */
static int read_mark(SSL_SESSION *session, struct marked *marked)
{
    void *data = NULL;
    const unsigned char *octet;
    uint64_t until = 0;
    size_t len = 0;

    if (!SSL_SESSION_get0_ticket_appdata(session, &data, &len) || len == 0)
        return 0;
    if (len < MARK_LEN || memcmp(data, mark, sizeof(mark)) != 0)
        return -1;
    octet = data;
    for (size_t i = 0; i < TIME_LEN; i++)
        until = until << 8 | octet[sizeof(mark) + i];
    /* No moment that was ever written here. */
    if (until > INT64_MAX)
        return -1;
    marked->until = (long long)until;
    marked->name = (const char *)octet + MARK_LEN;
    marked->name_len = len - MARK_LEN;
    return marked->name_len == 0 || dance_owner_name_fault(marked->name, marked->name_len) == NULL
               ? 1
               : -1;
}

static bool has_peer(SSL_SESSION *session)
{
    return SSL_SESSION_get0_peer(session) != NULL || dance_raw_key_in(session) != NULL;
}

void dance_session_mark(SSL *ssl, const struct dance_connection *c, bool accepted)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    unsigned char data[MARK_LEN + DANCE_NAME_MAX];
    size_t name_len = accepted ? strlen(c->name) : 0;
    long long until = accepted ? c->until : 0;

    /* Under mixed a client without certificate is the application's own affair. */
    if (session == NULL || (!accepted && !has_peer(session) && dance_rules()->level == DANCE_MIXED))
        return;
    if (read_mark(session, &(struct marked){0}) < 0) {
        /* Of whom DANE accepts it is nobody's already, or under mixed like any other. */
        if (!accepted)
            (void)SSL_SESSION_set1_id_context(session, nobody, NOBODY_LEN);
        return;
    }
    memcpy(data, mark, sizeof(mark));
    for (size_t i = 0; i < TIME_LEN; i++)
        data[sizeof(mark) + i] = (unsigned char)(until >> 8 * (TIME_LEN - 1 - i));
    memcpy(data + MARK_LEN, c->name, name_len);
    (void)SSL_SESSION_set1_ticket_appdata(session, data, MARK_LEN + name_len);
}

/*
 * Does the session, or a ticket, count under this level, and for whom? *reason says why it is
 * DANCE_STRANGE. Sessions come from before the policy, or from elsewhere, by a
 * ticket key or a cache that is kept or shared; and names are taken out of allow_file.
 */
static enum dance_event judge(SSL_SESSION *session, bool ticket, struct marked *marked,
                              enum dance_reason *reason)
{
    const struct dance_rules *rules = dance_rules();
    bool peer = has_peer(session);
    bool is_marked = read_mark(session, marked) > 0;

    *reason = DANCE_R_SESSION;
    if (rules->fault != NULL && (peer || rules->level == DANCE_REQUIRE)) {
        *reason = DANCE_R_CONFIGURATION;
        return DANCE_STRANGE;
    }
    if (is_marked && marked->name_len > 0 && (peer || rules->level < DANCE_CLOSED)) {
        *reason = DANCE_R_SESSION_OVER;
        if ((long long)time(NULL) > marked->until)
            return DANCE_STRANGE;
        *reason = DANCE_R_NAME_NOT_ALLOWED;
        return dance_allowed(marked->name, marked->name_len) ? DANCE_SESSION : DANCE_STRANGE;
    }
    if (rules->level == DANCE_MIXED || (rules->level == DANCE_DANE && is_marked))
        return DANCE_FREE;
    /* Of a client without certificate: a pre-shared key that is the application's, or a session. */
    return !peer && rules->level < DANCE_REQUIRE && (is_marked || !ticket) ? DANCE_FREE
                                                                           : DANCE_STRANGE;
}

enum dance_event dance_session_resumed(SSL *ssl, struct dance_connection *c)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    struct marked marked = {0};
    enum dance_reason reason = DANCE_R_INTERNAL;
    enum dance_event event =
        session != NULL ? judge(session, false, &marked, &reason) : DANCE_STRANGE;
    long long left;

    if (event != DANCE_FREE && marked.name_len > 0) {
        dance_owner_name_lower(c->name, marked.name, marked.name_len);
        c->until = marked.until;
    }
    if (event == DANCE_STRANGE) {
        dance_connection_fail(c, reason, "%s", "");
        return event;
    }
    if (event == DANCE_FREE && dance_rules()->level > DANCE_MIXED)
        c->until = dance_session_time(session) + SSL_SESSION_get_timeout(session);
    /* Whom the application let pass had an error in its verification, and keeps it. */
    if (event == DANCE_FREE && has_peer(session) && read_mark(session, &marked) > 0
        && SSL_get_verify_result(ssl) == X509_V_OK)
        SSL_set_verify_result(ssl, X509_V_ERR_APPLICATION_VERIFICATION);
    /* A ticket of the least lifetime there is would outlive the session. */
    left = c->until - (long long)time(NULL);
    if (c->until != 0 && left <= 1)
        (void)SSL_set_num_tickets(ssl, 0);
    return event;
}

void dance_session_put_aside(SSL *ssl, struct dance_connection *c)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    const unsigned char *own;
    unsigned len = 0;

    if (session == NULL || !dance_is_tls13(ssl))
        return;
    own = SSL_SESSION_get0_id_context(session, &len);
    if (len > sizeof(c->session_id_context)
        || (len == NOBODY_LEN && memcmp(own, nobody, NOBODY_LEN) == 0))
        return;
    memcpy(c->session_id_context, own, len);
    c->session_id_context_len = len;
    c->aside = SSL_SESSION_set1_id_context(session, nobody, NOBODY_LEN) == 1;
}

/* A session that was put aside gets its own id context, if the place of the mark is free. */
static void put_back(SSL_SESSION *session, const struct dance_connection *c)
{
    unsigned len = 0;
    const unsigned char *context = SSL_SESSION_get0_id_context(session, &len);

    if (c->aside && len == NOBODY_LEN && memcmp(context, nobody, NOBODY_LEN) == 0
        && read_mark(session, &(struct marked){0}) >= 0)
        (void)SSL_SESSION_set1_id_context(session, c->session_id_context,
                                          c->session_id_context_len);
}

/* End the session, and the ticket that is made of it, at connection->until. */
static void limit(SSL_SESSION *session, const struct dance_connection *c)
{
    /* A second less, because it may be the next one when libssl makes the ticket. */
    long long left = c->until - (long long)time(NULL) - 1;
    /* Not 0: libssl cannot make a ticket of such a session, and ends the handshake. */
    long most = left < 1 ? 1 : (left > 0x7fffffff ? 0x7fffffff : (long)left);

    if (c->until != 0 && SSL_SESSION_get_timeout(session) > most)
        (void)SSL_SESSION_set_timeout(session, most);
}

void dance_session_before_ticket(SSL *ssl, const struct dance_connection *c)
{
    SSL_SESSION *session = SSL_get_session(ssl);

    if (session == NULL)
        return;
    limit(session, c);
    if (c->state.stage == DANCE_ACCEPTED || c->state.stage == DANCE_PASSED)
        put_back(session, c);
}

bool dance_session_counts(SSL_SESSION *session)
{
    enum dance_reason reason;

    return judge(session, true, &(struct marked){0}, &reason) != DANCE_STRANGE;
}
