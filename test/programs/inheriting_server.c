/*
 * inheriting_server: a TLS server whose SSLs hold more than a fresh one does: what a
 * client before left there, or what the application itself put there. It knows nothing
 * of dance.
 *
 *   -p PORT -c CERTIFICATE -k KEY -a CA
 *   -v    SSL_VERIFY_PEER; -V  with FAIL_IF_NO_PEER_CERT; -O  with CLIENT_ONCE
 *   -A    a cert_verify_callback that does what libssl would do; -X  one that says yes
 *   -R    one SSL for all connections, made ready again by SSL_clear()
 *   -D    one SSL for the first connection, then copies of it (SSL_clear(), SSL_dup())
 *   -r RECORD  the application's own TLSA record on each SSL: "3 1 1 HEX"
 *   -e CERTIFICATE  it expects this one's key as a raw public key (OpenSSL 3.2)
 *
 * It prints and answers what taking_server does.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include "ignore.h"
#include "serve.h"

#include <openssl/pem.h>

static struct {
    int mode, asking, trusting, reuse, copying;
    const char *record, *expected;
} option;

static void add_record(SSL *ssl)
{
    unsigned char data[64];
    unsigned u, s, m;
    char hex[129];
    size_t len;

    if (sscanf(option.record, "%u %u %u %128s", &u, &s, &m, hex) != 4
        || !OPENSSL_hexstr2buf_ex(data, sizeof(data), &len, hex, '\0')
        || SSL_dane_enable(ssl, NULL) <= 0
        || SSL_dane_tlsa_add(ssl, (uint8_t)u, (uint8_t)s, (uint8_t)m, data, len) <= 0)
        die("the record");
}

static void expect_key(SSL *ssl)
{
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
    BIO *bio = BIO_new_file(option.expected, "r");
    X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    if (certificate == NULL || SSL_dane_enable(ssl, NULL) <= 0
        || SSL_add_expected_rpk(ssl, X509_get0_pubkey(certificate)) != 1)
        die("the expected key");
    X509_free(certificate);
    BIO_free(bio);
#else
    (void)ssl;
    die("raw public keys");
#endif
}

/* An SSL as this application has it. */
static SSL *make_ssl(SSL_CTX *ctx)
{
    SSL *ssl = SSL_new(ctx);

    if (ssl == NULL)
        die("SSL_new");
    if (option.record != NULL)
        add_record(ssl);
    if (option.expected != NULL)
        expect_key(ssl);
    return ssl;
}

/* The SSL for the next connection, where that before it had this one. */
static SSL *next_ssl(SSL_CTX *ctx, SSL *before)
{
    SSL *copy;

    if (before == NULL || (!option.reuse && !option.copying)) {
        SSL_free(before);
        return make_ssl(ctx);
    }
    SSL_set_bio(before, NULL, NULL);
    if (!SSL_clear(before))
        die("SSL_clear");
    if (!option.copying)
        return before;
    copy = SSL_dup(before);
    if (copy == NULL || copy == before)
        die("SSL_dup");
    SSL_free(before);
    return copy;
}

int main(int argc, char *argv[])
{
    static const struct program_option table[] = {
        SERVING_OPTIONS,
        BITS('v', option.mode, SSL_VERIFY_PEER),
        BITS('V', option.mode, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT),
        BITS('O', option.mode,
             SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT | SSL_VERIFY_CLIENT_ONCE),
        FLAG('A', option.asking),
        FLAG('X', option.trusting),
        FLAG('R', option.reuse),
        FLAG('D', option.copying),
        TEXT('r', option.record),
        TEXT('e', option.expected),
        {0},
    };
    SSL_CTX *ctx;
    SSL *ssl = NULL;
    int listener;
    int fd;

    read_options(argc, argv, table);
    serving_begin();
    ctx = serving_context(TLS_server_method(), option.mode, NULL);
    if (option.asking)
        SSL_CTX_set_cert_verify_callback(ctx, verify_as_libssl, NULL);
    if (option.trusting)
        SSL_CTX_set_cert_verify_callback(ctx, trust_everybody, NULL);
    if ((option.record != NULL || option.expected != NULL) && SSL_CTX_dane_enable(ctx) <= 0)
        die("SSL_CTX_dane_enable");
    listener = listen_at(serving.port, 16);
    while (!ended && (fd = accept(listener, NULL, NULL)) >= 0) {
        bound_waiting(fd);
        ssl = next_ssl(ctx, ssl);
        if (!SSL_set_fd(ssl, fd))
            die("SSL_set_fd");
        SSL_set_accept_state(ssl);
        ERR_clear_error();
        conclude(ssl, fd, SSL_accept(ssl));
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(listener);
    return !ended;
}
