/*
 * chatty_hsm: an OpenSSL provider whose keys are far away, as a cloud's HSM is.
 *
 * Each of its calls, except for its start, makes a TLS connection with the
 * OpenSSL of the application before it does anything. Its section in openssl.cnf:
 *   key     the private key (EC) that stands behind the URI "chatty:", a PEM file
 *   port    where it connects to
 *   calls   a file to which a line is added for each call: its name, and whether the
 *           connection was good
 *   threads yes: the connections are made by threads of its own, which it waits for
 *   fail    a file; while it is there no signature is made
 *   slow    a file; while it is there a signature takes a second
 *
 * Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

OSSL_provider_init_fn OSSL_provider_init __attribute__((visibility("default")));

static char *key_file, *port, *calls, *threads, *fail_file, *slow_file;
static const OSSL_CORE_HANDLE *core;
static OSSL_FUNC_core_new_error_fn *new_error;
static OSSL_FUNC_core_vset_error_fn *set_error;

/* Where the real key works, without this provider. */
static OSSL_LIB_CTX *inner;

static _Thread_local int depth;

static int connect_once(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)atoi(port))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = ctx != NULL ? SSL_new(ctx) : NULL;
    char octet;
    int good;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    good = ssl != NULL && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0
           && SSL_set_fd(ssl, fd) && SSL_connect(ssl) == 1 && SSL_write(ssl, "x\n", 2) == 2
           && SSL_read(ssl, &octet, 1) == 1;
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    return good;
}

static void *connect_in_thread(void *good)
{
    depth++;
    *(int *)good = connect_once();
    return NULL;
}

static void chat(const char *call)
{
    FILE *out;
    pthread_t thread;
    int good = 0;

    if (depth > 0)
        return;
    depth++;
    ERR_set_mark();
    if (threads == NULL)
        good = connect_once();
    else if (pthread_create(&thread, NULL, connect_in_thread, &good) == 0)
        pthread_join(thread, NULL);
    ERR_pop_to_mark();
    out = fopen(calls, "a");
    if (out != NULL) {
        fprintf(out, "%s %s\n", call, good ? "good" : "bad");
        fclose(out);
    }
    depth--;
}

static void raise_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    new_error(core);
    set_error(core, 1, format, args);
    va_end(args);
}

/* The key */

static void *key_load(const void *reference, size_t size)
{
    EVP_PKEY *key = NULL;

    chat("key_load");
    if (size == sizeof(key)) {
        key = *(EVP_PKEY *const *)reference;
        *(EVP_PKEY **)(uintptr_t)reference = NULL;
    }
    return key;
}

static void *key_new(void *provctx)
{
    (void)provctx;
    return NULL;
}

static void key_free(void *key)
{
    if (key != NULL)
        chat("key_free");
    EVP_PKEY_free(key);
}

static int key_has(const void *key, int selection)
{
    (void)selection;
    return key != NULL;
}

static int key_match(const void *a, const void *b, int selection)
{
    (void)selection;
    chat("key_match");
    return EVP_PKEY_eq(a, b) == 1;
}

static int key_get_params(void *key, OSSL_PARAM params[])
{
    chat("key_get_params");
    return EVP_PKEY_get_params(key, params);
}

static const OSSL_PARAM *key_gettable_params(void *provctx)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_END};

    (void)provctx;
    return types;
}

static int key_export(void *key, int selection, OSSL_CALLBACK *callback, void *arg)
{
    OSSL_PARAM *params = NULL;
    int good;

    chat("key_export");
    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
        return 0;
    good = EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params) && callback(params, arg);
    OSSL_PARAM_free(params);
    return good;
}

static const OSSL_PARAM *key_export_types(int selection)
{
    static const OSSL_PARAM types[] = {OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
                                       OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
                                       OSSL_PARAM_END};

    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? NULL : types;
}

static const char *key_operation_name(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

static const OSSL_DISPATCH key_functions[] = {
    {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))key_new},
    {OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))key_load},
    {OSSL_FUNC_KEYMGMT_FREE, (void (*)(void))key_free},
    {OSSL_FUNC_KEYMGMT_HAS, (void (*)(void))key_has},
    {OSSL_FUNC_KEYMGMT_MATCH, (void (*)(void))key_match},
    {OSSL_FUNC_KEYMGMT_GET_PARAMS, (void (*)(void))key_get_params},
    {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))key_gettable_params},
    {OSSL_FUNC_KEYMGMT_EXPORT, (void (*)(void))key_export},
    {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (void (*)(void))key_export_types},
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))key_operation_name},
    {0, NULL}};

/* The signature */

struct signing {
    EVP_MD_CTX *md;
    EVP_PKEY_CTX *pkey; /* md's own */
};

static void *sign_new(void *provctx, const char *properties)
{
    (void)provctx;
    (void)properties;
    return OPENSSL_zalloc(sizeof(struct signing));
}

static void sign_free(void *ctx)
{
    struct signing *s = ctx;

    chat("sign_free");
    EVP_MD_CTX_free(s->md);
    OPENSSL_free(s);
}

static int sign_init(void *ctx, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct signing *s = ctx;

    (void)params;
    chat("sign_init");
    s->md = EVP_MD_CTX_new();
    return s->md != NULL
           && EVP_DigestSignInit_ex(s->md, &s->pkey, digest, inner, NULL, key, NULL) == 1;
}

static int sign_text(void *ctx, unsigned char *out, size_t *out_len, size_t out_size,
                     const unsigned char *text, size_t len)
{
    struct signing *s = ctx;

    chat("sign");
    if (fail_file != NULL && access(fail_file, F_OK) == 0) {
        raise_error("pin-value=s3cret");
        return 0;
    }
    if (out != NULL && slow_file != NULL && access(slow_file, F_OK) == 0)
        sleep(1);
    *out_len = out_size;
    return EVP_DigestSign(s->md, out, out_len, text, len);
}

static int sign_get_params(void *ctx, OSSL_PARAM params[])
{
    return EVP_PKEY_CTX_get_params(((struct signing *)ctx)->pkey, params);
}

static const OSSL_PARAM *sign_gettable_params(void *ctx, void *provctx)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0), OSSL_PARAM_END};

    (void)ctx;
    (void)provctx;
    return types;
}

static const OSSL_DISPATCH sign_functions[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))sign_new},
    {OSSL_FUNC_SIGNATURE_FREECTX, (void (*)(void))sign_free},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (void (*)(void))sign_init},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (void (*)(void))sign_text},
    {OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, (void (*)(void))sign_get_params},
    {OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, (void (*)(void))sign_gettable_params},
    {0, NULL}};

/* The store */

struct store {
    int at_end;
};

static void *store_open(void *provctx, const char *uri)
{
    (void)provctx;
    (void)uri;
    chat("store_open");
    return OPENSSL_zalloc(sizeof(struct store));
}

static int store_load(void *ctx, OSSL_CALLBACK *object_cb, void *object_cbarg,
                      OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_cbarg)
{
    static char type[] = "EC";
    int kind = OSSL_OBJECT_PKEY;
    FILE *in = fopen(key_file, "r");
    EVP_PKEY *key = NULL;
    OSSL_PARAM params[4];
    int good;

    (void)pw_cb;
    (void)pw_cbarg;
    ((struct store *)ctx)->at_end = 1;
    chat("store_load");
    if (in != NULL) {
        key = PEM_read_PrivateKey_ex(in, NULL, NULL, NULL, inner, NULL);
        fclose(in);
    }
    if (key == NULL)
        return 0;
    params[0] = OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &kind);
    params[1] = OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, type, 0);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &key, sizeof(key));
    params[3] = OSSL_PARAM_construct_end();
    good = object_cb(params, object_cbarg);
    EVP_PKEY_free(key);
    return good;
}

static int store_eof(void *ctx)
{
    return ((struct store *)ctx)->at_end;
}

static int store_close(void *ctx)
{
    chat("store_close");
    OPENSSL_free(ctx);
    return 1;
}

static const OSSL_DISPATCH store_functions[] = {
    {OSSL_FUNC_STORE_OPEN, (void (*)(void))store_open},
    {OSSL_FUNC_STORE_LOAD, (void (*)(void))store_load},
    {OSSL_FUNC_STORE_EOF, (void (*)(void))store_eof},
    {OSSL_FUNC_STORE_CLOSE, (void (*)(void))store_close},
    {0, NULL}};

/* The provider */

static const OSSL_ALGORITHM keys[] = {{"EC:id-ecPublicKey", "provider=chatty", key_functions, NULL},
                                      {NULL, NULL, NULL, NULL}};
static const OSSL_ALGORITHM signatures[] = {{"ECDSA", "provider=chatty", sign_functions, NULL},
                                            {NULL, NULL, NULL, NULL}};
static const OSSL_ALGORITHM stores[] = {{"chatty", "provider=chatty", store_functions, NULL},
                                        {NULL, NULL, NULL, NULL}};

static const OSSL_ALGORITHM *query_operation(void *provctx, int operation, int *no_cache)
{
    (void)provctx;
    *no_cache = 0;
    return operation == OSSL_OP_KEYMGMT     ? keys
           : operation == OSSL_OP_SIGNATURE ? signatures
           : operation == OSSL_OP_STORE     ? stores
                                            : NULL;
}

static const OSSL_ITEM *reasons(void *provctx)
{
    static const OSSL_ITEM items[] = {{1, (void *)(uintptr_t) "the HSM is out of order"},
                                      {0, NULL}};

    (void)provctx;
    return items;
}

static const OSSL_DISPATCH functions[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query_operation},
    {OSSL_FUNC_PROVIDER_GET_REASON_STRINGS, (void (*)(void))reasons},
    {0, NULL}};

int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                       const OSSL_DISPATCH **out, void **provctx)
{
    OSSL_FUNC_core_get_params_fn *get_params = NULL;
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_ptr("key", &key_file, 0),
                           OSSL_PARAM_utf8_ptr("port", &port, 0),
                           OSSL_PARAM_utf8_ptr("calls", &calls, 0),
                           OSSL_PARAM_utf8_ptr("threads", &threads, 0),
                           OSSL_PARAM_utf8_ptr("fail", &fail_file, 0),
                           OSSL_PARAM_utf8_ptr("slow", &slow_file, 0),
                           OSSL_PARAM_END};

    for (; in->function_id != 0; in++) {
        if (in->function_id == OSSL_FUNC_CORE_GET_PARAMS)
            get_params = OSSL_FUNC_core_get_params(in);
        else if (in->function_id == OSSL_FUNC_CORE_NEW_ERROR)
            new_error = OSSL_FUNC_core_new_error(in);
        else if (in->function_id == OSSL_FUNC_CORE_VSET_ERROR)
            set_error = OSSL_FUNC_core_vset_error(in);
    }
    core = handle;
    if (get_params == NULL || new_error == NULL || set_error == NULL || !get_params(handle, params)
        || key_file == NULL || port == NULL || calls == NULL)
        return 0;
    inner = OSSL_LIB_CTX_new();
    if (inner == NULL || OSSL_PROVIDER_load(inner, "default") == NULL)
        return 0;
    *provctx = inner;
    *out = functions;
    return 1;
}
