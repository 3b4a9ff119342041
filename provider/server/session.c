/* Copyright the dance authors. SPDX-License-Identifier: Apache-2.0 */
#include "server/session.h"

#include "files/allow.h"
#include "openssl/compat.h"
#include "policy.h"
#include "process.h"

#include <string.h>
#include <time.h>

/* Tells our data from the application's; then comes the end of the session, then the name. */
static const char mark[] = "dance";
#define TIME_LEN 8u
#define MARK_LEN (sizeof(mark) + TIME_LEN)

struct marked {
    const char *name; /* checked; not NUL-terminated */
    size_t name_len;  /* 0: whom the application let pass */
    long long until;  /* in seconds since 1970 */
};

/* What the mark of session says; false where there is none. */
static bool read_mark(SSL_SESSION *session, struct marked *marked)
{
    void *data = NULL;
    const unsigned char *octet;
    size_t len = 0;

    if (!SSL_SESSION_get0_ticket_appdata(session, &data, &len) || len < MARK_LEN
        || memcmp(data, mark, sizeof(mark)) != 0)
        return false;
    octet = data;
    marked->until = 0;
    for (size_t i = 0; i < TIME_LEN; i++)
        marked->until = marked->until << 8 | octet[sizeof(mark) + i];
    marked->name = (const char *)octet + MARK_LEN;
    marked->name_len = len - MARK_LEN;
    return marked->name_len == 0 || dance_owner_name_fault(marked->name, marked->name_len) == NULL;
}

static void write_mark(SSL *ssl, const char *name, size_t name_len, long long until)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    unsigned char data[MARK_LEN + DANCE_NAME_MAX];
    void *present = NULL;
    size_t len = 0;

    /* The application's own data stays; under mixed such a session is then like any other. */
    if (session == NULL || !SSL_SESSION_get0_ticket_appdata(session, &present, &len)
        || (len != 0 && !read_mark(session, &(struct marked){0})))
        return;
    memcpy(data, mark, sizeof(mark));
    for (size_t i = 0; i < TIME_LEN; i++)
        data[sizeof(mark) + i] = (unsigned char)(until >> 8 * (TIME_LEN - 1 - i));
    memcpy(data + MARK_LEN, name, name_len);
    (void)SSL_SESSION_set1_ticket_appdata(session, data, MARK_LEN + name_len);
}

void dance_session_mark(SSL *ssl, const struct dance_connection *c)
{
    write_mark(ssl, c->name, strlen(c->name), c->until);
}

void dance_session_mark_nobody(SSL *ssl)
{
    write_mark(ssl, "", 0, 0);
}

void dance_session_limit(SSL *ssl, const struct dance_connection *c)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    /* A second less, because it may be the next one when libssl makes the ticket. */
    long long left = c->until - (long long)time(NULL) - 1;
    /* Not 0: libssl cannot make a ticket of such a session, and ends the handshake. */
    long limit = left < 1 ? 1 : (left > 0x7fffffff ? 0x7fffffff : (long)left);

    if (c->until != 0 && session != NULL && SSL_SESSION_get_timeout(session) > limit)
        (void)SSL_SESSION_set_timeout(session, limit);
}

int dance_session_before_ticket(SSL *ssl, void *arg)
{
    const struct dance_connection *c = dance_connection_find(ssl);

    (void)arg;
    if (c != NULL)
        dance_session_limit(ssl, c);
    return 1;
}

void dance_session_resumed(SSL *ssl, struct dance_connection *c)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    struct marked marked;
    long long left;

    if (session == NULL)
        return;
    if (read_mark(session, &marked) && marked.name_len > 0) {
        dance_owner_name_lower(c->name, marked.name, marked.name_len);
        c->named = true;
        c->until = marked.until;
    } else if (dance_rules()->name_needed) {
        c->until = dance_session_time(session) + SSL_SESSION_get_timeout(session);
    }
    c->over = c->until != 0 && (long long)time(NULL) > c->until;
    dance_session_limit(ssl, c);
    /* A ticket of the least lifetime there is would outlive the session. */
    left = c->until - (long long)time(NULL);
    if (c->until != 0 && left >= 0 && left <= 1)
        (void)SSL_set_num_tickets(ssl, 0);
}

enum dance_session_client dance_session_client(SSL *ssl)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    struct marked marked;
    void *data = NULL;
    size_t len = 0;

    if (dance_rules()->fault != NULL || session == NULL || SSL_get_verify_result(ssl) != X509_V_OK)
        return DANCE_SESSION_UNKNOWN;
    if (read_mark(session, &marked)) {
        if (marked.name_len == 0)
            return DANCE_SESSION_NOBODY;
        return dance_allowed(marked.name, marked.name_len) ? DANCE_SESSION_GOOD
                                                           : DANCE_SESSION_NOT_ALLOWED;
    }
    /* Data of the application's own leaves no place for the mark. */
    if (SSL_SESSION_get0_ticket_appdata(session, &data, &len) && len > 0)
        return DANCE_SESSION_GOOD;
    return DANCE_SESSION_UNKNOWN;
}
