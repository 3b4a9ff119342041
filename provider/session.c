/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include "compat.h"

#include <string.h>
#include <time.h>

/* What tells a session of a DANE client, in its cache entry and in its ticket: this, and its end.
 */
static const char word[] = "dance";

struct mark {
    char word[sizeof(word)];
    unsigned char end[8]; /* seconds since 1970, most significant octet first */
};

static void limit(SSL_SESSION *session, long long seconds)
{
    /* Not 0: libssl cannot make a ticket of such a session, and ends the handshake. */
    long most = seconds < 1 ? 1 : (seconds > 0x7fffffff ? 0x7fffffff : (long)seconds);

    if (session != NULL && SSL_SESSION_get_timeout(session) > most)
        (void)SSL_SESSION_set_timeout(session, most);
}

void dance_session_hold(SSL *ssl)
{
    const struct dance_connection *c = dance_connection_find(ssl);

    if (c != NULL && c->session_end != 0)
        limit(SSL_get_session(ssl), c->session_end - (long long)time(NULL));
}

int dance_session_before_ticket(SSL *ssl, void *arg)
{
    (void)arg;
    dance_session_hold(ssl);
    return 1;
}

void dance_session_end_in(SSL *ssl, struct dance_connection *connection, unsigned long seconds)
{
    long long most = seconds < 1 ? 1 : (seconds > 0x7fffffffUL ? 0x7fffffff : (long long)seconds);
    long long end = (long long)time(NULL) + most;

    if (connection->session_end == 0 || end < connection->session_end)
        connection->session_end = end;
    dance_session_hold(ssl);
}

void dance_session_mark(SSL *ssl, const struct dance_connection *connection)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    unsigned long long end = (unsigned long long)connection->session_end;
    struct mark mark;
    void *data = NULL;
    size_t len = 0;

    if (session == NULL || !SSL_SESSION_get0_ticket_appdata(session, &data, &len) || len != 0)
        return;
    memcpy(mark.word, word, sizeof(word));
    for (size_t i = 0; i < sizeof(mark.end); i++)
        mark.end[i] = (unsigned char)(end >> (8 * (sizeof(mark.end) - 1 - i)));
    (void)SSL_SESSION_set1_ticket_appdata(session, &mark, sizeof(mark));
}

/* The end that the session's mark names; 0 when it has none. */
static long long marked_end(SSL_SESSION *session)
{
    struct mark mark;
    unsigned long long end = 0;
    void *data = NULL;
    size_t len = 0;

    if (!SSL_SESSION_get0_ticket_appdata(session, &data, &len) || len != sizeof(mark))
        return 0;
    memcpy(&mark, data, sizeof(mark));
    if (memcmp(mark.word, word, sizeof(word)) != 0)
        return 0;
    for (size_t i = 0; i < sizeof(mark.end); i++)
        end = end << 8 | mark.end[i];
    return (long long)end;
}

void dance_session_resumed(SSL *ssl, struct dance_connection *connection, bool any)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    long long marked, end;

    if (session == NULL)
        return;
    marked = marked_end(session);
    if (marked == 0 && !any)
        return;
    end = dance_session_time(session) + SSL_SESSION_get_timeout(session);
    connection->session_end = marked != 0 && marked < end ? marked : end;
    dance_session_hold(ssl);
}

bool dance_session_outlived(SSL *ssl)
{
    SSL_SESSION *session = SSL_session_reused(ssl) ? SSL_get_session(ssl) : NULL;
    long long end = session != NULL ? marked_end(session) : 0;

    return end != 0 && (long long)time(NULL) > end;
}
