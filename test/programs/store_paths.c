/*
 * store_paths: the ways in which programs read a store, one at a time.
 *
 *   list URI TYPE         expect TYPE (0: anything), load everything
 *   ignore URI SEARCH     ask for a search, do not care whether it was refused, load everything
 *                         (as OpenSSL's own trust store does); SEARCH: issuer, fingerprint, alias
 *   garbage URI           open with a subject that is no name
 *   pour URI CERT         X509_LOOKUP_load_store(), then verify the certificate in the file CERT
 *   find URI CERT TIMES   open, search for CERT's issuer and load, TIMES times; once more after a
 *                         line on stdin
 *   private URI CONF      list, in a library context that loads CONF
 *
 * Prints a line for each step, and what is left on the error queue.
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An endless store is a failure, not an endless test. */
#define LOADS_MAX 1000

static void say_queue(void)
{
    if (ERR_peek_error() == 0)
        puts("queue: empty");
    for (unsigned long e; (e = ERR_get_error()) != 0;)
        printf("queue: %s: %s\n", ERR_lib_error_string(e), ERR_reason_error_string(e));
}

static int load_all(OSSL_STORE_CTX *store)
{
    int i;

    if (store == NULL) {
        puts("not opened");
        say_queue();
        return 1;
    }
    for (i = 0; i < LOADS_MAX && !OSSL_STORE_eof(store); i++) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        printf("load: %s, error %d, eof %d\n",
               info != NULL ? OSSL_STORE_INFO_type_string(OSSL_STORE_INFO_get_type(info)) : "none",
               OSSL_STORE_error(store), OSSL_STORE_eof(store));
        OSSL_STORE_INFO_free(info);
    }
    printf("after the end: %s\n", OSSL_STORE_load(store) == NULL ? "none" : "something");
    OSSL_STORE_close(store);
    say_queue();
    return i == LOADS_MAX;
}

static int list(const char *uri, int expect)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);

    if (store != NULL && expect != 0 && !OSSL_STORE_expect(store, expect))
        puts("expect: refused");
    return load_all(store);
}

static int ignore(const char *uri, const char *what)
{
    static const unsigned char digest[32] = {1};
    OSSL_STORE_CTX *store = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);
    X509_NAME *name = X509_NAME_new();
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    OSSL_STORE_SEARCH *search;

    if (strcmp(what, "issuer") == 0)
        search = OSSL_STORE_SEARCH_by_issuer_serial(name, serial);
    else if (strcmp(what, "fingerprint") == 0)
        search = OSSL_STORE_SEARCH_by_key_fingerprint(EVP_sha256(), digest, sizeof(digest));
    else
        search = OSSL_STORE_SEARCH_by_alias("somebody");
    if (store != NULL)
        printf("find: %d\n", OSSL_STORE_find(store, search));
    OSSL_STORE_SEARCH_free(search);
    ASN1_INTEGER_free(serial);
    X509_NAME_free(name);
    return load_all(store);
}

static int garbage(const char *uri)
{
    unsigned char no_name[] = {0x30, 0x03, 0x02, 0x01, 0x00};
    OSSL_PARAM params[2] = {
        OSSL_PARAM_construct_octet_string(OSSL_STORE_PARAM_SUBJECT, no_name, sizeof(no_name)),
        OSSL_PARAM_construct_end()};

    return load_all(OSSL_STORE_open_ex(uri, NULL, NULL, NULL, NULL, params, NULL, NULL));
}

static X509 *read_certificate(const char *path)
{
    FILE *in = fopen(path, "r");
    X509 *x = in != NULL ? PEM_read_X509(in, NULL, NULL, NULL) : NULL;

    if (in != NULL)
        (void)fclose(in);
    return x;
}

static int pour(const char *uri, const char *path)
{
    X509 *x = read_certificate(path);
    X509_STORE *trusted = X509_STORE_new();
    X509_LOOKUP *lookup = X509_STORE_add_lookup(trusted, X509_LOOKUP_store());
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();

    printf("load: %d\n", X509_LOOKUP_load_store(lookup, uri));
    ERR_clear_error();
    if (x != NULL && X509_STORE_CTX_init(ctx, trusted, x, NULL)) {
        int ok = X509_verify_cert(ctx);

        printf("verify: %d, %s\n", ok,
               X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(trusted);
    X509_free(x);
    return 0;
}

static int find_once(const char *uri, const X509 *x)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);
    OSSL_STORE_SEARCH *search =
        OSSL_STORE_SEARCH_by_name((X509_NAME *)(size_t)X509_get_issuer_name(x));
    OSSL_STORE_INFO *info = NULL;
    int found;

    if (store != NULL && OSSL_STORE_find(store, search))
        info = OSSL_STORE_load(store);
    found = info != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_CERT;
    OSSL_STORE_INFO_free(info);
    OSSL_STORE_SEARCH_free(search);
    OSSL_STORE_close(store);
    return found;
}

static int find(const char *uri, const char *path, int times)
{
    X509 *x = read_certificate(path);
    int found = 0;

    if (x == NULL)
        return 1;
    for (int i = 0; i < times; i++)
        found += find_once(uri, x);
    printf("found: %d\n", found);
    (void)fflush(stdout);
    while (getchar() != '\n' && !feof(stdin))
        ;
    printf("found once more: %d\n", find_once(uri, x));
    X509_free(x);
    say_queue();
    return 0;
}

static int private_context(const char *uri, const char *conf)
{
    OSSL_LIB_CTX *private = OSSL_LIB_CTX_new();
    int failed = 1;

    if (private != NULL && OSSL_LIB_CTX_load_config(private, conf))
        failed = load_all(OSSL_STORE_open_ex(uri, private, NULL, NULL, NULL, NULL, NULL, NULL));
    OSSL_LIB_CTX_free(private);
    return failed;
}

int main(int argc, char *argv[])
{
    const char *command = argc > 2 ? argv[1] : "";

    if (strcmp(command, "list") == 0 && argc == 4)
        return list(argv[2], atoi(argv[3]));
    if (strcmp(command, "ignore") == 0 && argc == 4)
        return ignore(argv[2], argv[3]);
    if (strcmp(command, "garbage") == 0)
        return garbage(argv[2]);
    if (strcmp(command, "pour") == 0 && argc == 4)
        return pour(argv[2], argv[3]);
    if (strcmp(command, "find") == 0 && argc == 5)
        return find(argv[2], argv[3], atoi(argv[4]));
    if (strcmp(command, "private") == 0 && argc == 4)
        return private_context(argv[2], argv[3]);
    (void)fprintf(stderr, "store_paths: see its first lines\n");
    return 2;
}
