/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include "compat.h"

#include <string.h>
#include <time.h>

/* What tells a session of a DANE client, in its cache entry and in its ticket: this word and its
 * end. */
static const char word[] = "dance";

struct mark {
    char word[sizeof(word)];
    unsigned char end[8]; /* seconds since 1970, most significant octet first */
};

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
    connection->outlived = dance_session_outlived(ssl);
    marked = marked_end(session);
    if (marked == 0 && !any)
        return;
    end = dance_session_time(session) + SSL_SESSION_get_timeout(session);
    connection->until = marked != 0 && marked < end ? marked : end;
    dance_session_hold(ssl);
    /* A ticket of the least lifetime there is would begin it anew, again and again. */
    if (connection->until <= (long long)time(NULL))
        (void)SSL_set_num_tickets(ssl, 0);
}

bool dance_session_good(SSL *ssl)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    bool peer = SSL_get0_peer_certificate(ssl) != NULL || dance_raw_key_peer(ssl) != NULL;
    void *data = NULL;
    size_t len = 0;

    if (session == NULL || !peer || SSL_get_verify_result(ssl) != X509_V_OK)
        return false;
    /* Data of the application's own leaves no place for the mark. */
    return marked_end(session) != 0
           || (SSL_SESSION_get0_ticket_appdata(session, &data, &len) && len > 0);
}

bool dance_session_outlived(SSL *ssl)
{
    SSL_SESSION *session = SSL_session_reused(ssl) ? SSL_get_session(ssl) : NULL;
    long long end = session != NULL ? marked_end(session) : 0;

    return end != 0 && (long long)time(NULL) > end;
}
