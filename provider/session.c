/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include "allow_file.h"
#include "compat.h"
#include "policy.h"
#include "process.h"

#include <string.h>
#include <time.h>

/*
 * What tells a session of a DANE client, in its cache entry and in its ticket:
 * this word, then the session's end in seconds since 1970 (8 octets, the most
 * significant first), then the client's name.
 */
static const char word[] = "dance";
#define END_LEN 8u
#define NAME_AT (sizeof(word) + END_LEN)

struct mark {
    long long end;    /* 0: there is no mark */
    const char *name; /* checked; not NUL-terminated */
    size_t name_len;
};

static struct mark read_mark(SSL_SESSION *session)
{
    struct mark mark = {0};
    unsigned long long end = 0;
    const unsigned char *octets;
    void *data = NULL;
    size_t len = 0;

    if (!SSL_SESSION_get0_ticket_appdata(session, &data, &len) || len <= NAME_AT
        || memcmp(data, word, sizeof(word)) != 0)
        return mark;
    octets = data;
    if (dance_owner_name_fault((const char *)octets + NAME_AT, len - NAME_AT) != NULL)
        return mark;
    for (size_t i = 0; i < END_LEN; i++)
        end = end << 8 | octets[sizeof(word) + i];
    mark.end = (long long)end;
    mark.name = (const char *)octets + NAME_AT;
    mark.name_len = len - NAME_AT;
    return mark;
}

void dance_session_hold(SSL *ssl)
{
    const struct dance_connection *c = dance_connection_find(ssl);
    SSL_SESSION *session = SSL_get_session(ssl);
    long long left;
    long limit;

    if (c == NULL || c->until == 0 || session == NULL)
        return;
    left = c->until - (long long)time(NULL);
    /* Not 0: libssl cannot make a ticket of such a session, and ends the handshake. */
    limit = left < 1 ? 1 : (left > 0x7fffffff ? 0x7fffffff : (long)left);
    if (SSL_SESSION_get_timeout(session) > limit)
        (void)SSL_SESSION_set_timeout(session, limit);
}

int dance_session_before_ticket(SSL *ssl, void *arg)
{
    (void)arg;
    dance_session_hold(ssl);
    return 1;
}

void dance_session_end_in(struct dance_connection *connection, unsigned long seconds)
{
    long long until = (long long)time(NULL) + (seconds < 1 ? 1 : (long long)seconds);

    if (connection->until == 0 || until < connection->until)
        connection->until = until;
}

void dance_session_mark(SSL *ssl, const struct dance_connection *connection)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    unsigned long long end = (unsigned long long)connection->until;
    unsigned char mark[NAME_AT + DANCE_NAME_MAX];
    size_t name_len = strlen(connection->name);
    void *data = NULL;
    size_t len = 0;

    if (session == NULL || !SSL_SESSION_get0_ticket_appdata(session, &data, &len) || len != 0)
        return;
    memcpy(mark, word, sizeof(word));
    for (size_t i = 0; i < END_LEN; i++)
        mark[sizeof(word) + i] = (unsigned char)(end >> (8 * (END_LEN - 1 - i)));
    memcpy(mark + NAME_AT, connection->name, name_len);
    (void)SSL_SESSION_set1_ticket_appdata(session, mark, NAME_AT + name_len);
}

void dance_session_resumed(SSL *ssl, struct dance_connection *connection, bool any)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    struct mark mark;
    long long end;

    if (session == NULL)
        return;
    connection->outlived = dance_session_outlived(ssl);
    mark = read_mark(session);
    if (mark.end == 0 && !any)
        return;
    if (mark.end != 0) {
        dance_owner_name_lower(connection->name, mark.name, mark.name_len);
        connection->named = true;
    }
    end = dance_session_time(session) + SSL_SESSION_get_timeout(session);
    connection->until = mark.end != 0 && mark.end < end ? mark.end : end;
    dance_session_hold(ssl);
    /* A ticket of the least lifetime there is would begin it anew, again and again. */
    if (connection->until <= (long long)time(NULL))
        (void)SSL_set_num_tickets(ssl, 0);
}

bool dance_session_good(SSL *ssl)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    bool peer = SSL_get0_peer_certificate(ssl) != NULL || dance_raw_key_peer(ssl) != NULL;
    struct mark mark;
    void *data = NULL;
    size_t len = 0;

    if (dance_policy_rules(dance_config()).fault != NULL || session == NULL || !peer
        || SSL_get_verify_result(ssl) != X509_V_OK)
        return false;
    mark = read_mark(session);
    if (mark.end != 0)
        return dance_allowed(mark.name, mark.name_len);
    /* Data of the application's own leaves no place for the mark. */
    return SSL_SESSION_get0_ticket_appdata(session, &data, &len) && len > 0;
}

bool dance_session_outlived(SSL *ssl)
{
    SSL_SESSION *session = SSL_session_reused(ssl) ? SSL_get_session(ssl) : NULL;
    long long end = session != NULL ? read_mark(session).end : 0;

    return end != 0 && (long long)time(NULL) > end;
}
