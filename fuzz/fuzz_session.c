/*
 * fuzz_session.c: what a TLS session brings back, and what is left in it.
 *
 * The first octet says what follows: a session as libssl encodes it (what is in a ticket or an
 * application's shared cache, once it is decrypted); or the application data alone, where
 * the mark is.
 *
 * A session counts as somebody's only with a mark that has not ended, of a name that is allowed.
 * Data that is not ours is never written over, and what is marked counts until its end.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "config.h"
#include "files/allow.h"
#include "must.h"
#include "process.h"
#include "server/session.h"

#include <openssl/err.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MARK "dance" /* with its NUL, and 8 octets of the end behind it */
#define MARK_LEN 14

static SSL_CTX *ctx;

static const char *configured(void *from, const char *parameter)
{
    (void)from;
    if (strcmp(parameter, "server.allow") == 0)
        return "*.example.com";
    return strcmp(parameter, "server.policy") == 0 ? "dane" : NULL;
}

static void begin(void)
{
    const struct dance_config *config = dance_config_read(configured, NULL);

    must(config != NULL);
    dance_process_configure(config);
    must(dance_rules()->level == DANCE_DANE && dance_rules()->fault == NULL);
    ctx = SSL_CTX_new(TLS_server_method());
    must(ctx != NULL && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION));
}

static SSL_SESSION *session_of(const uint8_t *data, size_t size)
{
    const unsigned char *at = data + 1;
    SSL_SESSION *session;

    if (data[0] % 2 == 0)
        return d2i_SSL_SESSION(NULL, &at, (long)size - 1);
    session = SSL_SESSION_new();
    must(session != NULL && SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION)
         && SSL_SESSION_set1_ticket_appdata(session, data + 1, size - 1));
    return session;
}

/* 0: there is none; 1: it begins as ours does; -1: it does not. */
static int data_of(SSL_SESSION *session, unsigned char out[], size_t *len)
{
    void *data = NULL;

    *len = 0;
    if (!SSL_SESSION_get0_ticket_appdata(session, &data, len) || *len == 0)
        return 0;
    memcpy(out, data, *len);
    return *len >= MARK_LEN && memcmp(data, MARK, sizeof(MARK)) == 0 ? 1 : -1;
}

static void resume(SSL *ssl, SSL_SESSION *session, int ours)
{
    struct dance_connection c = {0};
    enum dance_event event = dance_session_resumed(ssl, &c);

    if (event == DANCE_SESSION) {
        must(ours == 1 && dance_owner_name_fault(c.name, strlen(c.name)) == NULL
             && dance_allowed(c.name, strlen(c.name)) && c.until >= (long long)time(NULL) - 5);
        must(dance_session_counts(session));
    }
    if (event == DANCE_STRANGE)
        must(c.reason != DANCE_R_NONE);
    SSL_free(c.holder);
}

static void mark(SSL *ssl, SSL_SESSION *session, const unsigned char *was, size_t was_len,
                 bool accepted)
{
    struct dance_connection c = {.state = {accepted ? DANCE_ACCEPTED : DANCE_PASSED, accepted},
                                 .until = (long long)time(NULL) + 3600};
    unsigned char *now = malloc(65536);
    unsigned char ours[MARK_LEN + sizeof("a.example.com") - 1] = MARK;
    size_t len;

    must(now != NULL);
    memcpy(c.name, "a.example.com", sizeof("a.example.com"));
    for (size_t i = 0; i < 8; i++)
        ours[sizeof(MARK) + i] = (unsigned char)(c.until >> 8 * (7 - i));
    memcpy(ours + MARK_LEN, c.name, strlen(c.name));
    dance_session_put_aside(ssl, &c);
    dance_session_mark(ssl, &c, accepted);
    dance_session_before_ticket(ssl, &c);
    (void)data_of(session, now, &len);
    must(SSL_SESSION_get_timeout(session) <= 3600);
    if (accepted && was_len == 0)
        must(len == sizeof(ours) && memcmp(now, ours, len) == 0);
    if (len == sizeof(ours) && memcmp(now, ours, len) == 0)
        must(dance_session_counts(session));
    /* Somebody else's stay what they are. */
    if (was_len > 0 && (was_len < MARK_LEN || memcmp(was, MARK, sizeof(MARK)) != 0))
        must(len == was_len && memcmp(now, was, len) == 0);
    free(now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *was;
    SSL_SESSION *session;
    size_t len;
    SSL *ssl;
    int ours;

    if (ctx == NULL)
        begin();
    if (size == 0 || size > 65535)
        return 0;
    session = session_of(data, size);
    ssl = SSL_new(ctx);
    was = malloc(65536);
    must(ssl != NULL && was != NULL);
    if (session != NULL && SSL_set_session(ssl, session)) {
        ours = data_of(session, was, &len);
        if (dance_session_counts(session))
            must(ours == 1 || len == 0);
        resume(ssl, session, ours);
        mark(ssl, session, was, len, (data[0] & 2) != 0);
    }
    free(was);
    SSL_free(ssl);
    SSL_SESSION_free(session);
    ERR_clear_error();
    return 0;
}
