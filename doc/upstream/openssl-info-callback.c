/*
 * OpenSSL 3.2 and later: a new_func of SSL_get_ex_new_index() runs inside SSL_new() before libssl
 * has said in the object that it is a QUIC connection. Whoever sets something on it there writes
 * behind the end of the allocation.
 *
 *     cc -o openssl-info-callback openssl-info-callback.c -lssl -lcrypto && ./openssl-info-callback
 *
 * Each allocation is followed by octets that nobody may write to; they are looked at afterwards.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include <openssl/quic.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEHIND 8192
#define MARK 0xa5

struct block {
    size_t size;
    char pad[8];
    unsigned char octets[];
};

static struct block *of(void *p)
{
    return (struct block *)((char *)p - sizeof(struct block));
}

static void *get(size_t size, const char *file, int line)
{
    struct block *b = malloc(sizeof(*b) + size + BEHIND);

    (void)file;
    (void)line;
    if (b == NULL)
        return NULL;
    b->size = size;
    memset(b->octets + size, MARK, BEHIND);
    return b->octets;
}

static void give_back(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p != NULL ? of(p) : NULL);
}

static void *change(void *p, size_t size, const char *file, int line)
{
    void *new = size > 0 ? get(size, file, line) : NULL;

    if (p != NULL && new != NULL)
        memcpy(new, p, of(p)->size < size ? of(p)->size : size);
    if (new != NULL || size == 0)
        give_back(p, file, line);
    return new;
}

static void look(const void *p, const char *when)
{
    const struct block *b = of((void *)p);

    for (size_t i = 0; i < BEHIND; i++) {
        if (b->octets[b->size + i] != MARK) {
            printf("%s: written %zu octets behind an object of %zu octets\n", when, i, b->size);
            return;
        }
    }
    printf("%s: nothing was written behind an object of %zu octets\n", when, b->size);
}

static void on_info(const SSL *ssl, int where, int ret)
{
    (void)ssl;
    (void)where;
    (void)ret;
}

static void on_new(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    (void)ptr;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    look(parent, "before SSL_set_info_callback()");
    SSL_set_info_callback(parent, on_info);
    look(parent, "after it");
}

int main(void)
{
    SSL_CTX *ctx;

    if (!CRYPTO_set_mem_functions(get, change, give_back))
        return 2;
    printf("%s\n", OpenSSL_version(OPENSSL_VERSION));
    SSL_get_ex_new_index(0, NULL, on_new, NULL, NULL);
    ctx = SSL_CTX_new(OSSL_QUIC_client_method());
    SSL_free(SSL_new(ctx));
    SSL_CTX_free(ctx);
    return 0;
}
